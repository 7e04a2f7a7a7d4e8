/* SPDX-License-Identifier: MIT
 *
 * See the header. libwayland's shared-memory pools are guarded in the same way.
 */
#include "workspace/store/journal_guard.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/mman.h>

struct guarded {
	char *volatile at;
	volatile size_t bytes;
	volatile sig_atomic_t hit;
};

static _Thread_local struct guarded here;
static pthread_mutex_t holders_lock = PTHREAD_MUTEX_INITIALIZER;
static unsigned holders;
static struct sigaction before;

static void pass_on(int signal_number, siginfo_t *info, void *context)
{
	if (before.sa_flags & SA_SIGINFO) {
		before.sa_sigaction(signal_number, info, context);
	} else if (before.sa_handler == SIG_DFL || before.sa_handler == SIG_IGN) {
		/* The instruction is tried again on return, and then ends the process as if we had not been there. */
		struct sigaction plain = {.sa_handler = SIG_DFL};
		sigaction(SIGBUS, &plain, NULL);
	} else {
		before.sa_handler(signal_number);
	}
}

static void on_bus(int signal_number, siginfo_t *info, void *context)
{
	int error = errno;
	uintptr_t at = (uintptr_t)info->si_addr, begin = (uintptr_t)here.at;
	if (begin && info->si_code > 0 && at >= begin && at - begin < here.bytes &&
	    mmap(here.at, here.bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) != MAP_FAILED)
		here.hit = 1;
	else
		pass_on(signal_number, info, context);
	errno = error;
}

bool guard_hold(void)
{
	struct sigaction action = {.sa_sigaction = on_bus, .sa_flags = SA_SIGINFO | SA_ONSTACK};
	pthread_mutex_lock(&holders_lock);
	bool held = holders || !sigaction(SIGBUS, &action, &before);
	holders += held;
	pthread_mutex_unlock(&holders_lock);
	return held;
}

void guard_release(void)
{
	pthread_mutex_lock(&holders_lock);
	struct sigaction now;
	if (!--holders && !sigaction(SIGBUS, NULL, &now) && now.sa_sigaction == on_bus)
		sigaction(SIGBUS, &before, NULL);
	pthread_mutex_unlock(&holders_lock);
}

void guard_begin(void *at, size_t bytes)
{
	here.hit = 0;
	here.bytes = bytes;
	here.at = at;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

bool guard_end(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	here.at = NULL;
	return here.hit;
}
