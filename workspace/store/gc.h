/* SPDX-License-Identifier: MIT
 *
 * Getting memory back, besides workspace_gc.
 */
#ifndef WORKSPACE_STORE_GC_H
#define WORKSPACE_STORE_GC_H

#include "workspace/store/object.h"

/* Memory is short: drop all images that can be made again. The caller is inside a bracket; once all brackets that are open now are closed, their memory
 * is there again. */
void gc_images(struct workspace_agent *agent);

/* Each object that has FLAG_MARKED, after what it leads to, in the order of history; the marks are taken off on the way. Nobody else is inside. Anything but
 * 0 ends it and is returned. */
MUST_CHECK int gc_in_order(struct workspace_agent *agent, object_seen *seen, void *context);

#endif
