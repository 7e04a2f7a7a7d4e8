/* SPDX-License-Identifier: MIT
 *
 * The journal's format, and its opening and closing.
 *
 * A folder with one file, `journal`. Numbers are little-endian.
 *
 *   head      4096 bytes: "bunshin journal\n", u32 version (1), u32 bytes of a segment (2 MiB), the key of 129 random u64, u64 check of all this by
 *             that key; zeros
 *   segments  the file is divided into them; the first holds the head. Each belongs to one writer at a time, who appends records one after
 *             the other, so that writers never wait for one another and an unfinished record can only be the last of a segment. The rest
 *             is zeros
 *   record    at multiples of 32:
 *               u64 check of the head, by key, position in the file and the next two words; never 0, and written last
 *               u64 1 | bytes of the body << 8
 *               u64 check of the body and the bytes after it, by key and position (journal_check.h)
 *               body, then bytes 255, at least one, up to a multiple of 32
 *             One that is larger than a segment begins at the beginning of one and goes on over the next
 *   body      entries, one after the other:
 *               object: u64 type (1 to 4, as in packs) | bytes << 8, its id, its bytes as git has them without their header
 *               refs:   u64 16 | bytes of what follows the count << 8, u64 count; for each ref
 *                       u64 version, id from, id to, u16 bytes of its name, u16 bytes of its target or 65535 for none, both with a NUL
 *             The refs of one change are one entry, so they are there together or not at all; of each ref the highest version counts
 *
 * What a reader finds at the end of a segment's records is an end if a crash leaves such a thing, and damage if not. The rules are in
 * judge_end: no record may follow, the first word of what was not finished is still 0, or its last byte is, or one of its sectors was never
 * written, or the file ends before. All else is ERR_CORRUPT with the place. A loss of power can lead there too with DURABLE_PROCESS, where pages reach the disk in
 * any order.
 *
 * Objects are not compressed: deflating 1 KB takes 10 us, three times as long as the whole commit. What repeats is dropped by gc, which writes the
 * journal anew.
 *
 * Two ways to write, measured on ext4, Linux 6.18, 1.6 KB a record, mean of 50,000 with the segments they need:
 *
 *   pwrite                     1,500 ns, p50 660; with two writers 2,800, for the kernel lets only one into a file
 *   mapped, faults on demand   1,300 ns, p50 40, p90 2,000
 *   mapped, zeros written and mapped ahead
 *                              230 ns, p50 40, p99 210; the same with two writers
 *
 * so DURABLE_PROCESS stores into a mapping of segments that were written before, in large pages. That space is on the disk then, so a full disk
 * is found when a segment is taken; should the disk fail later all the same, the kernel says so by SIGBUS, which journal_guard.h turns into
 * an error. With DURABLE_DISK a large page would go to the disk whole with each commit (395 us instead of 86), so there it is pwrite. A file
 * system that cannot map files for writing gets pwrite too.
 *
 * When fdatasync fails nobody knows what the disk has, and asking again is answered wrongly (pages count as clean then). The journal takes
 * nothing from then on; what was acknowledged before was on the disk.
 */
#include "workspace/store/journal_inner.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "workspace/store/journal_guard.h"

static int folder_open(struct journal *journal, char *sentence)
{
	const char *name = journal->folder_name;
	if (mkdir(name, 0700) && errno != EEXIST)
		return journal_say(sentence, journal_errno_error(errno), "%s: making the folder: %m", name);
	journal->folder = open(name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (journal->folder < 0)
		return journal_say(sentence, ERR_IO, "%s: opening the folder: %m", name);
	if (!flock(journal->folder, LOCK_EX | LOCK_NB))
		return 0;
	if (errno == EWOULDBLOCK)
		return journal_say(sentence, ERR_LOCKED, "%s: another process, or another workspace of this one, has it open",
				   name);
	return journal_say(sentence, ERR_IO, "%s: locking the folder: %m", name);
}

static int file_find(struct journal *journal, char *sentence)
{
	char why[WORKSPACE_SENTENCE_BYTES] = "";
	int rc = journal_file_open(journal->folder, &journal->file, why);
	if (rc == ERR_NOT_FOUND) {
		rc = journal_file_make(journal->folder, &journal->file);
		if (!rc)
			rc = journal_file_publish(journal->folder, &journal->file);
		if (rc)
			return journal_say(sentence, rc, "%s: making the journal: %m", journal->folder_name);
		return 0;
	}
	if (rc)
		return journal_say(sentence, rc, "%.100s/%.150s", journal->folder_name, why);
	/* What a rewrite left that was interrupted. */
	if (unlinkat(journal->folder, JOURNAL_NEW_NAME, 0) && errno != ENOENT)
		return journal_say(sentence, ERR_IO, "%s/" JOURNAL_NEW_NAME ": removing it: %m", journal->folder_name);
	return 0;
}

static bool can_map(const struct journal *journal)
{
	void *map = mmap(NULL, JOURNAL_HEAD_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, journal->file.fd, 0);
	if (map == MAP_FAILED)
		return false;
	munmap(map, JOURNAL_HEAD_BYTES);
	return guard_hold();
}

static void journal_free(struct journal *journal)
{
	if (journal->mappable)
		guard_release();
	journal_file_close(&journal->file);
	if (journal->folder >= 0)
		close(journal->folder);
	pthread_mutex_destroy(&journal->lock);
	pthread_cond_destroy(&journal->synced_more);
	free(journal->folder_name);
	free(journal);
}

int journal_open(const char *folder, enum workspace_durability durability, struct journal **out_journal,
		 char out_sentence[WORKSPACE_SENTENCE_BYTES])
{
	struct journal *journal = calloc(1, sizeof(*journal));
	out_sentence[0] = '\0';
	if (!journal)
		return journal_say(out_sentence, ERR_MEMORY, "%s: no memory to open it", folder);
	journal->folder = journal->file.fd = -1;
	journal->durability = durability;
	pthread_mutex_init(&journal->lock, NULL);
	pthread_cond_init(&journal->synced_more, NULL);
	journal->folder_name = strdup(folder);
	int rc = journal->folder_name ? 0 : journal_say(out_sentence, ERR_MEMORY, "%s: no memory to open it", folder);
	if (!rc)
		rc = folder_open(journal, out_sentence);
	if (!rc)
		rc = file_find(journal, out_sentence);
	if (rc) {
		journal_free(journal);
		return rc;
	}
	journal->mappable = can_map(journal);
	journal->mapped = journal->mappable && durability == DURABLE_PROCESS;
	*out_journal = journal;
	return 0;
}

int journal_close(struct journal *journal)
{
	if (!journal)
		return 0;
	int rc = atomic_load(&journal->trouble) || fdatasync(journal->file.fd) ? ERR_IO : 0;
	journal_free(journal);
	return rc;
}

const char *journal_trouble(const struct journal *journal)
{
	return atomic_load(&journal->trouble);
}

uint64_t journal_head(struct journal *journal)
{
	pthread_mutex_lock(&journal->lock);
	uint64_t bytes = journal->written;
	for (const struct journal_writer *writer = journal->writers; writer; writer = writer->next)
		bytes += atomic_load_explicit(&writer->written, memory_order_acquire);
	pthread_mutex_unlock(&journal->lock);
	return bytes;
}

uint64_t journal_bytes(struct journal *journal)
{
	struct stat status;
	pthread_mutex_lock(&journal->lock);
	uint64_t bytes = fstat(journal->file.fd, &status) ? journal->file.end : (uint64_t)status.st_size;
	pthread_mutex_unlock(&journal->lock);
	return bytes;
}
