/* SPDX-License-Identifier: MIT
 *
 * Tells AddressSanitizer, where it looks on, which memory nobody may touch: pieces that lie in our own lists are no news to it.
 */
#ifndef WORKSPACE_STORE_POISON_H
#define WORKSPACE_STORE_POISON_H

#include <stddef.h>

#if defined(__has_feature)
#if __has_feature(address_sanitizer)
#define POISON_WORKS 1
#endif
#endif
#if defined(__SANITIZE_ADDRESS__) && !defined(POISON_WORKS)
#define POISON_WORKS 1
#endif

#ifdef POISON_WORKS
#include <sanitizer/asan_interface.h>

static inline void poison_set(const void *at, size_t bytes)
{
	__asan_poison_memory_region(at, bytes);
}

static inline void poison_clear(const void *at, size_t bytes)
{
	__asan_unpoison_memory_region(at, bytes);
}
#else
static inline void poison_set(const void *at, size_t bytes)
{
	(void)at, (void)bytes;
}

static inline void poison_clear(const void *at, size_t bytes)
{
	(void)at, (void)bytes;
}
#endif

#endif
