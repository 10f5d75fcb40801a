/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Include last. What may not be used in code that runs inside another process does not compile:
 * these allocate, lock, end the process, or can be the program's own.
 */
#ifndef HST_CORE_POISON_H
#define HST_CORE_POISON_H

#pragma GCC poison malloc calloc realloc free printf fprintf snprintf sprintf vsnprintf puts
#undef assert
#pragma GCC poison strdup strndup getenv setenv putenv abort exit assert
#pragma GCC poison pthread_mutex_lock pthread_mutex_unlock fopen fclose fread fwrite open close
#pragma GCC poison read write mmap munmap

#endif
