/* SPDX-License-Identifier: BSD-2-Clause */
/* Records of guests in the run directory. */
#include "life/record.h"
#include "life/life.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <json-c/json.h>

#define DEFAULT_RUN "/run/bulkhead"
#define RECORD_MAX  (1 << 20) /* bytes of a record */

static const char *const state_words[] = { "building", "running", "restarting", "ending" };

const char *life_run_directory(void)
{
	const char *run = getenv("BULKHEAD_RUN");

	return run && *run ? run : DEFAULT_RUN;
}

int record_init(struct error *err)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/domains", life_run_directory());
	if (mkdir(life_run_directory(), 0755) && errno != EEXIST)
		return error_errno(err, -errno, "cannot make %s", life_run_directory());
	if (mkdir(path, 0700) && errno != EEXIST)
		return error_errno(err, -errno, "cannot make %s", path);
	return 0;
}

static void file_path(char path[512], const uint8_t uuid[HYPER_UUID_BYTES], const char *suffix)
{
	char text[37];

	domain_uuid_format(uuid, text);
	snprintf(path, 512, "%s/domains/%s%s", life_run_directory(), text, suffix);
}

void record_empty(struct record *record)
{
	memset(record, 0, sizeof(*record));
	record->domid = LIFE_DOMID_NONE;
	record->lock = -1;
	domain_config_init(&record->config);
}

void record_free(struct record *record)
{
	domain_config_free(&record->config);
	if (record->lock >= 0)
		close(record->lock);
	record->lock = -1;
}

/* True when the open lock file is still the one at its path: not removed by its former holder. */
static bool lock_is_current(int fd, const char *path)
{
	struct stat ours, theirs;

	return !fstat(fd, &ours) && !stat(path, &theirs) && ours.st_ino == theirs.st_ino &&
	       ours.st_dev == theirs.st_dev;
}

static int lock_path(const char *path, bool wait)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

		if (fd < 0)
			return -errno;
		while (flock(fd, LOCK_EX | (wait ? 0 : LOCK_NB))) {
			int code = errno;

			if (code == EINTR)
				continue;
			close(fd);
			return code == EWOULDBLOCK ? -EBUSY : -code;
		}
		if (lock_is_current(fd, path))
			return fd;
		close(fd);
	}
}

int record_lock(struct record *record, const uint8_t uuid[HYPER_UUID_BYTES], bool wait)
{
	char path[512];
	int fd;

	file_path(path, uuid, ".lock");
	fd = lock_path(path, wait);
	if (fd < 0)
		return fd;
	memcpy(record->uuid, uuid, HYPER_UUID_BYTES);
	record->lock = fd;
	return 0;
}

int record_lock_names(void)
{
	char path[512];

	snprintf(path, sizeof(path), "%s/names.lock", life_run_directory());
	return lock_path(path, true);
}

/* The file's text, malloc. -EINVAL: longer than any record. */
static int read_file(const char *path, char **text)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), rc = 0;
	struct stat st;
	ssize_t n;

	*text = NULL;
	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) || st.st_size > RECORD_MAX)
		rc = -EINVAL;
	else
		*text = malloc(st.st_size + 1);
	if (*text) {
		n = read(fd, *text, st.st_size);
		rc = n < 0 ? -errno : 0;
		(*text)[n < 0 ? 0 : n] = '\0';
	} else if (!rc) {
		rc = -ENOMEM;
	}
	close(fd);
	return rc;
}

static int parse_state(const char *word, enum record_state *state)
{
	for (size_t i = 0; i < sizeof(state_words) / sizeof(state_words[0]); i++) {
		if (!strcmp(word, state_words[i])) {
			*state = (enum record_state)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int parse_head(struct record *record, struct json_object *json)
{
	struct json_object *value;
	int64_t domid;

	if (!json_object_object_get_ex(json, "state", &value) ||
	    !json_object_is_type(value, json_type_string) ||
	    parse_state(json_object_get_string(value), &record->state))
		return -EINVAL;
	if (!json_object_object_get_ex(json, "domid", &value))
		return -EINVAL;
	domid = json_object_get_int64(value);
	if (domid < 0 || domid > LIFE_DOMID_NONE)
		return -EINVAL;
	record->domid = (uint16_t)domid;
	if (json_object_object_get_ex(json, "watch", &value))
		record->watch = json_object_get_boolean(value);
	if (json_object_object_get_ex(json, "started", &value))
		record->started = json_object_get_int64(value);
	return 0;
}

/* The file's first value; *REST is what follows it. */
static int load_head(struct record *record, const char *text, const char **rest)
{
	struct json_tokener *parser = json_tokener_new();
	struct json_object *json;
	int rc = -EINVAL;

	if (!parser)
		return -ENOMEM;
	json = json_tokener_parse_ex(parser, text, (int)strlen(text) + 1);
	if (json && json_object_is_type(json, json_type_object))
		rc = parse_head(record, json);
	*rest = text + json_tokener_get_parse_end(parser);
	json_object_put(json);
	json_tokener_free(parser);
	return rc;
}

static int load(struct record *record, const uint8_t uuid[HYPER_UUID_BYTES], bool whole)
{
	struct domain_config parsed;
	char path[512], *text;
	const char *rest;
	int rc;

	file_path(path, uuid, ".json");
	rc = read_file(path, &text);
	if (!rc)
		rc = load_head(record, text, &rest);
	if (!rc && whole) {
		rc = domain_config_from_json(&parsed, rest, NULL);
		if (!rc) {
			domain_config_free(&record->config);
			record->config = parsed;
		}
	}
	free(text);
	if (!rc)
		memcpy(record->uuid, uuid, HYPER_UUID_BYTES);
	return rc;
}

int record_load(struct record *record, const uint8_t uuid[HYPER_UUID_BYTES])
{
	return load(record, uuid, true);
}

int record_load_head(struct record *record, const uint8_t uuid[HYPER_UUID_BYTES])
{
	return load(record, uuid, false);
}

bool record_exists(const uint8_t uuid[HYPER_UUID_BYTES])
{
	char path[512];

	file_path(path, uuid, ".json");
	return !access(path, F_OK);
}

static int write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ssize_t n = 1;
	int rc = 0;

	if (fd < 0)
		return -errno;
	/* A disk that becomes full takes a part, and says why only when it is given the rest. */
	while (*text && n > 0) {
		n = write(fd, text, strlen(text));
		text += n > 0 ? n : 0;
	}
	if (*text)
		rc = n < 0 ? -errno : -EIO;
	if (close(fd) && !rc)
		rc = -errno;
	return rc;
}

int record_save(const struct record *record, struct error *err)
{
	struct json_object *json;
	char path[512], next[512], *config, *text = NULL;
	const char *head;
	int rc = domain_config_to_json(&record->config, &config);

	if (rc)
		return error_set(err, rc, "no memory");
	json = json_object_new_object();
	json_object_object_add(json, "state", json_object_new_string(state_words[record->state]));
	json_object_object_add(json, "domid", json_object_new_int(record->domid));
	json_object_object_add(json, "watch", json_object_new_boolean(record->watch));
	json_object_object_add(json, "started", json_object_new_int64(record->started));
	head = json_object_to_json_string(json);
	if (!head || asprintf(&text, "%s\n%s\n", head, config) < 0)
		text = NULL;
	json_object_put(json);
	free(config);
	if (!text)
		return error_set(err, -ENOMEM, "no memory");
	file_path(path, record->uuid, ".json");
	file_path(next, record->uuid, ".new");
	rc = write_file(next, text);
	free(text);
	if (!rc && rename(next, path))
		rc = -errno;
	return rc ? error_errno(err, rc, "cannot write %s", path) : 0;
}

void record_remove(struct record *record)
{
	char path[512];

	file_path(path, record->uuid, ".new");
	unlink(path);
	file_path(path, record->uuid, ".json");
	unlink(path);
	file_path(path, record->uuid, ".lock");
	unlink(path);
	if (record->lock >= 0)
		close(record->lock);
	record->lock = -1;
}

/* The UUID in the name of a record or of its lock: UUID.json, UUID.lock. */
static bool parse_file_name(char *name, uint8_t uuid[HYPER_UUID_BYTES])
{
	if (strlen(name) != 41 || (strcmp(name + 36, ".json") && strcmp(name + 36, ".lock")))
		return false;
	name[36] = '\0';
	return !domain_uuid_parse(name, uuid);
}

int record_list(uint8_t (**uuids)[HYPER_UUID_BYTES])
{
	char path[512];
	struct dirent *entry;
	int count = 0;
	DIR *dir;

	*uuids = NULL;
	snprintf(path, sizeof(path), "%s/domains", life_run_directory());
	dir = opendir(path);
	if (!dir)
		return errno == ENOENT ? 0 : -errno;
	while ((entry = readdir(dir))) {
		uint8_t uuid[HYPER_UUID_BYTES];
		void *grown;
		int i = 0;

		if (!parse_file_name(entry->d_name, uuid))
			continue;
		while (i < count && memcmp((*uuids)[i], uuid, HYPER_UUID_BYTES))
			i++;
		if (i < count)
			continue;
		grown = realloc(*uuids, (count + 1) * sizeof(**uuids));
		if (!grown)
			break;
		*uuids = grown;
		memcpy((*uuids)[count++], uuid, HYPER_UUID_BYTES);
	}
	closedir(dir);
	return count;
}

/* The first record that `match` says yes to; WHOLE: it looks at the description. */
static int find(bool (*match)(const struct record *record, const void *what), const void *what,
		bool whole, uint8_t uuid[HYPER_UUID_BYTES])
{
	uint8_t(*uuids)[HYPER_UUID_BYTES];
	int n = record_list(&uuids), rc = -ENOENT;

	for (int i = 0; i < n && rc; i++) {
		struct record record;

		record_empty(&record);
		if (!load(&record, uuids[i], whole) && match(&record, what)) {
			memcpy(uuid, uuids[i], HYPER_UUID_BYTES);
			rc = 0;
		}
		record_free(&record);
	}
	free(uuids);
	return rc;
}

static bool match_name(const struct record *record, const void *what)
{
	return record->config.name && !strcmp(record->config.name, what);
}

static bool match_domid(const struct record *record, const void *what)
{
	return record->domid == *(const uint16_t *)what;
}

int record_find_name(const char *name, uint8_t uuid[HYPER_UUID_BYTES])
{
	return find(match_name, name, true, uuid);
}

int record_find_domid(uint16_t domid, uint8_t uuid[HYPER_UUID_BYTES])
{
	return find(match_domid, &domid, false, uuid);
}
