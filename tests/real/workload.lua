-- SPDX-License-Identifier: Apache-2.0
-- Sorts, matches, formats and builds tables. The argument is the number of rounds; a round is about
-- a million calls of C functions.
local rounds = tonumber(arg and arg[1]) or 17

math.randomseed(42)

local function sorted(n)
	local list = {}
	for i = 1, n do
		list[i] = math.random(1, 1000000)
	end
	table.sort(list)
	table.sort(list, function(a, b) return a > b end)
	return list[1] - list[n]
end

local words = {}
for i = 1, 200 do
	words[i] = string.format("%s=%d;", string.rep(string.char(97 + i % 26), 1 + i % 7), i * 37)
end
local text = table.concat(words)

local function matched()
	local sum = 0
	for key, value in text:gmatch("(%a+)=(%d+);") do
		sum = sum + #key + tonumber(value)
	end
	local replaced, count = text:gsub("%d%d", function(pair) return pair:reverse() end)
	return sum + count + #replaced + (text:find("zzz=", 1, true) or 0)
end

local function formatted(n)
	local parts = {}
	for i = 1, n do
		parts[#parts + 1] = ("%5d|%-8s|%.3f|%x"):format(i, "row" .. i, i / 7, i * 31)
	end
	return #table.concat(parts, "\n")
end

local Account = {}
Account.__index = Account
Account.__add = function(a, b) return setmetatable({sum = a.sum + b.sum}, Account) end
function Account.new(sum) return setmetatable({sum = sum}, Account) end

local function tables(n)
	local index, total = {}, Account.new(0)
	for i = 1, n do
		local key = "key" .. (i % 97)
		local list = index[key] or {}
		index[key] = list
		list[#list + 1] = {id = i, name = key, tags = {i, i + 1, tostring(i)}}
		total = total + Account.new(i)
	end
	local count = 0
	for _, list in pairs(index) do
		for _, item in ipairs(list) do
			count = count + #item.tags + select("#", table.unpack(item.tags))
		end
		table.remove(list)
	end
	return count + total.sum
end

local function failing(n)
	local failures = 0
	for i = 1, n do
		if not pcall(error, {code = i}) then
			failures = failures + 1
		end
	end
	local step = coroutine.wrap(function()
		for i = 1, n do
			coroutine.yield(i)
		end
	end)
	for _ = 1, n do
		failures = failures + step()
	end
	return failures
end

-- "calm": no errors and coroutines, which are longjmps: a tracer that loses its place there would record less.
local failures = arg and arg[2] == "calm" and 0 or 100

local check = 0
for _ = 1, rounds do
	check = (check + sorted(700) + matched() + formatted(500) + tables(1500) + failing(failures)) % 1000003
end
print("check", check)
