/* SPDX-License-Identifier: BSD-2-Clause */
/* The store client's operations: each packs its arguments and unpacks the answer. */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xen/io/xs_wire.h>

#include "xsclient_internal.h"

/* A string with its final NUL, as most requests want it. */
static struct xs_piece text(const char *s)
{
	return (struct xs_piece) { s, strlen(s) + 1 };
}

/* A request whose whole payload is one string. */
static int talk_text(struct xs_client *client, uint32_t type, xs_client_tx_t tx, const char *arg,
		     char **reply, size_t *len)
{
	struct xs_piece piece = text(arg);

	return xs_client_talk(client, type, tx, &piece, 1, reply, len);
}

int xs_client_read(struct xs_client *client, xs_client_tx_t tx, const char *path, char **value,
		   size_t *len)
{
	return talk_text(client, XS_READ, tx, path, value, len);
}

int xs_client_read_u64(struct xs_client *client, xs_client_tx_t tx, const char *path,
		       uint64_t *value)
{
	unsigned long long number;
	char *reply, *end;
	size_t len;
	int err;

	err = xs_client_read(client, tx, path, &reply, &len);
	if (err)
		return err;
	errno = 0;
	number = strtoull(reply, &end, 10);
	if (!isdigit((unsigned char)reply[0]) || end != reply + len)
		err = -EBADMSG;
	else if (errno)
		err = -ERANGE;
	else
		*value = number;
	free(reply);
	return err;
}

int xs_client_write(struct xs_client *client, xs_client_tx_t tx, const char *path,
		    const void *value, size_t len)
{
	struct xs_piece pieces[] = { text(path), { value, len } };

	return xs_client_talk(client, XS_WRITE, tx, pieces, 2, NULL, NULL);
}

int xs_client_printf(struct xs_client *client, xs_client_tx_t tx, const char *path,
		     const char *format, ...)
{
	char value[XENSTORE_PAYLOAD_MAX];
	va_list args;
	int len;

	va_start(args, format);
	len = vsnprintf(value, sizeof(value), format, args);
	va_end(args);
	if (len < 0)
		return -EINVAL;
	if ((size_t)len >= sizeof(value))
		return -E2BIG;
	return xs_client_write(client, tx, path, value, (size_t)len);
}

int xs_client_mkdir(struct xs_client *client, xs_client_tx_t tx, const char *path)
{
	return talk_text(client, XS_MKDIR, tx, path, NULL, NULL);
}

int xs_client_rm(struct xs_client *client, xs_client_tx_t tx, const char *path)
{
	return talk_text(client, XS_RM, tx, path, NULL, NULL);
}

/* Turns `len` bytes of NUL-ended names into an array with the names behind it. */
static int split_names(const char *bytes, size_t len, char ***names, size_t *count)
{
	size_t n = 0, i = 0;
	char **array, *copy;

	for (size_t pos = 0; pos < len; pos++)
		n += !bytes[pos];
	array = malloc((n + 1) * sizeof(*array) + len + 1);
	if (!array)
		return -ENOMEM;
	copy = (char *)(array + n + 1);
	memcpy(copy, bytes, len);
	for (; i < n; i++) {
		array[i] = copy;
		copy += strlen(copy) + 1;
	}
	array[n] = NULL;
	*names = array;
	*count = n;
	return 0;
}

/*
 * Reads a list that is too long for one answer, piece by piece. -EAGAIN when the list changed
 * between two pieces.
 */
static int read_parts(struct xs_client *client, xs_client_tx_t tx, const char *path, char **all,
		      size_t *all_len)
{
	char offset[24], *reply = NULL, *grown, *list = NULL, generation[32] = "";
	size_t len, head, total = 0;
	int err;

	for (;;) {
		snprintf(offset, sizeof(offset), "%zu", total);
		struct xs_piece pieces[] = { text(path), text(offset) };

		err = xs_client_talk(client, XS_DIRECTORY_PART, tx, pieces, 2, &reply, &len);
		if (err)
			break;
		/* The answer is the list's generation, then names; an empty name ends the list. */
		head = strnlen(reply, len) + 1;
		err = head > len || head > sizeof(generation) ? -EIO : 0;
		if (!err && total && strcmp(generation, reply))
			err = -EAGAIN;
		if (err)
			break;
		strcpy(generation, reply);
		grown = realloc(list, total + len - head + 1);
		if (!grown) {
			err = -ENOMEM;
			break;
		}
		list = grown;
		memcpy(list + total, reply + head, len - head);
		total += len - head;
		if (len == head ||
		    (total >= 1 && !list[total - 1] && (total == 1 || !list[total - 2]))) {
			*all = list;
			*all_len = total ? total - 1 : 0;
			free(reply);
			return 0;
		}
		free(reply);
		reply = NULL;
	}
	free(reply);
	free(list);
	return err;
}

int xs_client_directory(struct xs_client *client, xs_client_tx_t tx, const char *path,
			char ***names, size_t *count)
{
	char *reply;
	size_t len;
	int err;

	err = talk_text(client, XS_DIRECTORY, tx, path, &reply, &len);
	if (err == -E2BIG)
		do
			err = read_parts(client, tx, path, &reply, &len);
		while (err == -EAGAIN);
	if (err)
		return err;
	err = split_names(reply, len, names, count);
	free(reply);
	return err;
}

/* Decodes one permission, "r7". */
static int decode_perm(const char *word, struct xs_client_perm *perm)
{
	static const char letters[] = "nrwb";
	const char *letter = word[0] ? strchr(letters, word[0]) : NULL;
	char *end;

	if (!letter || !isdigit((unsigned char)word[1]))
		return -EIO;
	perm->access = (enum xs_client_access)(letter - letters);
	perm->domid = (uint32_t)strtoul(word + 1, &end, 10);
	return *end ? -EIO : 0;
}

int xs_client_get_perms(struct xs_client *client, xs_client_tx_t tx, const char *path,
			struct xs_client_perm **perms, size_t *count)
{
	struct xs_client_perm *list = NULL;
	char *reply, **words;
	size_t len, n;
	int err;

	err = talk_text(client, XS_GET_PERMS, tx, path, &reply, &len);
	if (err)
		return err;
	err = split_names(reply, len, &words, &n);
	free(reply);
	if (err)
		return err;
	if (!n)
		err = -EIO;
	else if (!(list = calloc(n, sizeof(*list))))
		err = -ENOMEM;
	for (size_t i = 0; !err && i < n; i++)
		err = decode_perm(words[i], &list[i]);
	free(words);
	if (err) {
		free(list);
		return err;
	}
	*perms = list;
	*count = n;
	return 0;
}

int xs_client_set_perms(struct xs_client *client, xs_client_tx_t tx, const char *path,
			const struct xs_client_perm *perms, size_t count)
{
	struct xs_piece pieces[2] = { text(path) };
	size_t room = count * 12 + 1, used = 0;
	char *words;
	int err;

	if (!count || count > XENSTORE_PAYLOAD_MAX / 3)
		return -EINVAL;
	words = malloc(room);
	if (!words)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		used += (size_t)snprintf(words + used, room - used, "%c%" PRIu32,
					 "nrwb"[perms[i].access & 3], perms[i].domid) +
			1;
	pieces[1] = (struct xs_piece) { words, used };
	err = xs_client_talk(client, XS_SET_PERMS, tx, pieces, 2, NULL, NULL);
	free(words);
	return err;
}

int xs_client_tx_start(struct xs_client *client, xs_client_tx_t *tx)
{
	char *reply, *end;
	unsigned long id;
	int err;

	err = talk_text(client, XS_TRANSACTION_START, XS_CLIENT_NO_TX, "", &reply, NULL);
	if (err)
		return err;
	id = strtoul(reply, &end, 10);
	err = end == reply || *end || !id || id > UINT32_MAX ? -EIO : 0;
	free(reply);
	if (!err)
		*tx = (xs_client_tx_t)id;
	return err;
}

int xs_client_tx_end(struct xs_client *client, xs_client_tx_t tx, bool commit)
{
	return talk_text(client, XS_TRANSACTION_END, tx, commit ? "T" : "F", NULL, NULL);
}

int xs_client_tx_run(struct xs_client *client,
		     int (*body)(struct xs_client *client, xs_client_tx_t tx, void *arg), void *arg)
{
	xs_client_tx_t tx;
	int err;

	do {
		err = xs_client_tx_start(client, &tx);
		if (err)
			return err;
		err = body(client, tx, arg);
		if (err < 0) {
			xs_client_tx_end(client, tx, false);
			return err;
		}
		err = xs_client_tx_end(client, tx, true);
	} while (err == -EAGAIN);
	return err;
}

int xs_client_watch(struct xs_client *client, const char *path, const char *token)
{
	struct xs_piece pieces[] = { text(path), text(token) };

	return xs_client_talk(client, XS_WATCH, XS_CLIENT_NO_TX, pieces, 2, NULL, NULL);
}

int xs_client_unwatch(struct xs_client *client, const char *path, const char *token)
{
	struct xs_piece pieces[] = { text(path), text(token) };

	return xs_client_talk(client, XS_UNWATCH, XS_CLIENT_NO_TX, pieces, 2, NULL, NULL);
}

/* A request whose payload is decimal numbers. */
static int talk_numbers(struct xs_client *client, uint32_t type, const uint64_t *numbers,
			size_t count, char **reply)
{
	struct xs_piece pieces[3];
	char words[3][24];

	for (size_t i = 0; i < count; i++) {
		snprintf(words[i], sizeof(words[i]), "%" PRIu64, numbers[i]);
		pieces[i] = text(words[i]);
	}
	return xs_client_talk(client, type, XS_CLIENT_NO_TX, pieces, count, reply, NULL);
}

int xs_client_introduce(struct xs_client *client, uint32_t domid, uint64_t gfn, uint32_t port)
{
	uint64_t numbers[] = { domid, gfn, port };

	return talk_numbers(client, XS_INTRODUCE, numbers, 3, NULL);
}

int xs_client_release(struct xs_client *client, uint32_t domid)
{
	uint64_t number = domid;

	return talk_numbers(client, XS_RELEASE, &number, 1, NULL);
}

int xs_client_resume(struct xs_client *client, uint32_t domid)
{
	uint64_t number = domid;

	return talk_numbers(client, XS_RESUME, &number, 1, NULL);
}

int xs_client_set_target(struct xs_client *client, uint32_t domid, uint32_t target)
{
	uint64_t numbers[] = { domid, target };

	return talk_numbers(client, XS_SET_TARGET, numbers, 2, NULL);
}

int xs_client_is_introduced(struct xs_client *client, uint32_t domid)
{
	uint64_t number = domid;
	char *reply;
	int rc;

	rc = talk_numbers(client, XS_IS_DOMAIN_INTRODUCED, &number, 1, &reply);
	if (rc)
		return rc;
	rc = reply[0] == 'T';
	free(reply);
	return rc;
}

int xs_client_domain_path(struct xs_client *client, uint32_t domid, char **path)
{
	uint64_t number = domid;

	return talk_numbers(client, XS_GET_DOMAIN_PATH, &number, 1, path);
}

int xs_client_control(struct xs_client *client, const char *const *words, size_t count,
		      char **answer)
{
	char payload[XENSTORE_PAYLOAD_MAX];
	struct xs_piece piece = { payload, 0 };
	size_t len;

	for (size_t i = 0; i < count; i++) {
		len = strlen(words[i]) + 1;
		if (len > sizeof(payload) - piece.len)
			return -E2BIG;
		memcpy(payload + piece.len, words[i], len);
		piece.len += len;
	}
	return xs_client_talk(client, XS_CONTROL, XS_CLIENT_NO_TX, &piece, 1, answer, NULL);
}
