/* SPDX-License-Identifier: MIT
 *
 * Lets bubblewrap work inside a chroot: there the kernel refuses to make user namespaces, for a chroot hides part of the
 * file system from nobody who has a namespace of mounts of his own.
 */
#ifndef WORKSPACE_CHROOT_H
#define WORKSPACE_CHROOT_H

#include "protocol/error.h"

/* In a child that is about to become bwrap: if this is root in a chroot, the root folder becomes the root of a mount
 * namespace of the child's own; nothing else of the machine is visible in it. Anywhere else, does nothing. Async-signal-safe.
 * Returns 0 or ERR_SYSTEM. */
MUST_CHECK int chroot_leave(void);

#endif
