-- SPDX-License-Identifier: Apache-2.0
-- Little but calls: recursion, a sort with a comparison of its own, short formats. The argument is the number of rounds.
local rounds = tonumber(arg and arg[1]) or 1

local function fib(n)
	if n < 2 then
		return n
	end
	return fib(n - 1) + fib(n - 2)
end

local seed = 12345
local function number()
	seed = (seed * 1103515245 + 12345) % 2147483648
	return seed
end

local function sorted(n)
	local list = {}
	for i = 1, n do
		list[i] = number()
	end
	table.sort(list, function(a, b) return a < b end)
	return list[n // 2]
end

local function formatted(n)
	local sum = 0
	for i = 1, n do
		sum = sum + #string.format("%d:%d", i, i * i)
	end
	return sum
end

local check = 0
for _ = 1, rounds do
	check = (check + fib(20) + sorted(2000) + formatted(3000)) % 1000003
end
print("check", check)
