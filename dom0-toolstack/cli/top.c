/* SPDX-License-Identifier: BSD-2-Clause */
/* xl top: samples, keys and the terminal; top_table.c makes the picture. */
#include "cli/cli.h"
#include "cli/terminal.h"
#include "cli/top_table.h"

#include <ctype.h>
#include <getopt.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#define KEY_ESCAPE 27
#define CTRL_C	   3
#define DELAY_MAX  3600

struct sample {
	struct top_row *rows;
	unsigned int n;
	int64_t taken_ns; /* CLOCK_MONOTONIC */
};

struct top {
	struct top_view view;
	struct sample now;
	char clock[16], version[64];
	unsigned long delay; /* seconds */
	char typed[40];	     /* the delay's prompt and what was typed; empty: none */
	bool ended;
};

static int64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * 1000000000ll + t.tv_nsec;
}

static void sample_free(struct sample *s)
{
	for (unsigned int i = 0; i < s->n; i++)
		free(s->rows[i].vcpus);
	free(s->rows);
	*s = (struct sample) { 0 };
}

static void sample_vcpus(struct top_row *r)
{
	uint32_t n = r->d.max_vcpu_id == UINT32_MAX ? 0 : r->d.max_vcpu_id + 1;
	struct vcpu_state state;

	r->vcpus = calloc(n ? n : 1, sizeof(*r->vcpus));
	for (uint32_t i = 0; r->vcpus && i < n; i++) {
		if (hyper_vcpu_state(life_hyper(need_life()), r->d.domid, i, &state))
			continue;
		r->vcpus[i] = (struct top_vcpu) { state.cpu_time_ns, state.online };
		r->n_vcpus = i + 1;
	}
}

static const struct top_row *find(const struct sample *s, const struct domain_info *d)
{
	for (unsigned int i = 0; i < s->n; i++)
		if (s->rows[i].d.domid == d->domid &&
		    !memcmp(s->rows[i].d.uuid, d->uuid, sizeof(d->uuid)))
			return &s->rows[i];
	return NULL;
}

/* Takes a new sample in the place of the old one, which loads are reckoned from. */
static int sample(struct top *t)
{
	struct sample next = { .taken_ns = now_ns() };
	struct hyper *h = life_hyper(need_life());
	time_t clock = time(NULL);
	struct domain_info *list;
	int n = hyper_domain_list_all(h, &list);

	if (n < 0)
		return n;
	hyper_phys_info(h, &t->view.phys);
	strftime(t->clock, sizeof(t->clock), "%H:%M:%S", localtime(&clock));
	next.rows = calloc((size_t)n + 1, sizeof(*next.rows));
	for (int i = 0; next.rows && i < n; i++) {
		struct top_row *r = &next.rows[next.n++];
		const struct top_row *old = find(&t->now, &list[i]);

		r->d = list[i];
		snprintf(r->name, sizeof(r->name), "%s", domain_name(r->d.domid));
		state_letters(&r->d, r->state);
		if (old && r->d.cpu_time_ns > old->d.cpu_time_ns && next.taken_ns > t->now.taken_ns)
			r->percent = 100.0 * (double)(r->d.cpu_time_ns - old->d.cpu_time_ns) /
				     (double)(next.taken_ns - t->now.taken_ns);
		if (t->view.vcpus)
			sample_vcpus(r);
	}
	free(list);
	sample_free(&t->now);
	t->now = next;
	return 0;
}

/* ---- the terminal ---- */

/* Another screen, without a cursor. Keys come one by one; Ctrl-C is a key like Q. */
static void other_screen(void)
{
	static const char enter[] = "\033[?1049h\033[?25l";
	struct termios raw;

	terminal_mode(&raw);
	raw.c_lflag &= (tcflag_t) ~(ICANON | ECHO | ISIG);
	terminal_enter(&raw, "\033[?25h\033[?1049l");
	(void)!write(STDOUT_FILENO, enter, sizeof(enter) - 1);
}

static void draw(struct top *t)
{
	struct winsize size = { 0 };
	size_t length, done = 0;
	char *text;
	FILE *out = open_memstream(&text, &length);

	if (!out)
		return;
	ioctl(STDOUT_FILENO, TIOCGWINSZ, &size);
	t->view.columns = size.ws_col ? size.ws_col : 80;
	t->view.lines = size.ws_row ? size.ws_row : 24;
	t->view.prompt = *t->typed ? t->typed : NULL;
	if (t->view.first >= t->now.n)
		t->view.first = t->now.n ? t->now.n - 1 : 0;
	top_sort_rows(&t->view, t->now.rows, t->now.n);
	top_print(&t->view, t->now.rows, t->now.n, out);
	fclose(out);
	while (done < length) {
		ssize_t n = write(STDOUT_FILENO, text + done, length - done);

		if (n <= 0)
			break;
		done += (size_t)n;
	}
	free(text);
}

static const char delay_prompt[] = "Delay (seconds): ";

static void type_delay(struct top *t, char key)
{
	size_t len = strlen(t->typed), begin = strlen(delay_prompt);
	unsigned long value;

	if (isdigit((unsigned char)key) && len < begin + 4) {
		t->typed[len] = key;
		t->typed[len + 1] = '\0';
		return;
	}
	if ((key == '\b' || key == 127) && len > begin) {
		t->typed[len - 1] = '\0';
		return;
	}
	value = strtoul(t->typed + begin, NULL, 10);
	if ((key == '\n' || key == '\r') && value >= 1 && value <= DELAY_MAX)
		t->delay = value;
	t->typed[0] = '\0';
}

static void press(struct top *t, char key)
{
	if (key == CTRL_C)
		t->ended = true;
	else if (*t->typed)
		type_delay(t, key);
	else if (tolower((unsigned char)key) == 'q' || key == KEY_ESCAPE)
		t->ended = true;
	else if (tolower((unsigned char)key) == 's')
		t->view.sort = (enum top_sort)((t->view.sort + 1) % TOP_SORTS);
	else if (tolower((unsigned char)key) == 'r')
		t->view.reverse = !t->view.reverse;
	else if (tolower((unsigned char)key) == 'd')
		strcpy(t->typed, delay_prompt);
	else if (tolower((unsigned char)key) == 'v')
		t->view.vcpus = !t->view.vcpus;
}

/* Cursor keys are ESC [ A … D; an ESC alone is the key itself. */
static void read_keys(struct top *t)
{
	char keys[64];
	ssize_t n = read(STDIN_FILENO, keys, sizeof(keys));

	if (n <= 0)
		t->ended = true;
	for (ssize_t i = 0; i < n; i++) {
		if (keys[i] != KEY_ESCAPE || i + 2 >= n || keys[i + 1] != '[') {
			press(t, keys[i]);
			continue;
		}
		i += 2;
		if (keys[i] == 'B')
			t->view.first++;
		else if (keys[i] == 'A' && t->view.first)
			t->view.first--;
	}
}

static void on_resize(int signal)
{
	(void)signal; /* its arrival ends the wait; reading and writing go on */
}

static int watch(struct top *t)
{
	struct sigaction action = { .sa_handler = on_resize, .sa_flags = SA_RESTART };
	int rc = 0;

	sigaction(SIGWINCH, &action, NULL);
	other_screen();
	while (!t->ended && !rc) {
		int64_t next = t->now.taken_ns + (int64_t)t->delay * 1000000000;
		int64_t left = (next - now_ns()) / 1000000;
		struct pollfd in = { .fd = STDIN_FILENO, .events = POLLIN };

		/* Also where a sample takes longer than the delay, there is a picture, and keys count. */
		draw(t);
		switch (poll(&in, 1, left > 0 ? (int)left : 0)) {
		case 0:
			rc = sample(t);
			break;
		case 1:
			read_keys(t);
			break;
		}
	}
	return rc;
}

/* ---- plain samples ---- */

static struct json_object *rows_json(const struct sample *s)
{
	struct json_object *array = json_object_new_array();

	for (unsigned int i = 0; i < s->n; i++) {
		struct json_object *o = domain_json(&s->rows[i].d, false);

		json_object_object_add(o, "cpu_percent",
				       json_object_new_double(s->rows[i].percent));
		json_object_array_add(array, o);
	}
	return array;
}

/* Each sample after a delay: before that there is no load to be told. */
static int batch(struct top *t, unsigned long count)
{
	int rc = 0;

	for (unsigned long i = 0; i < count; i++) {
		poll(NULL, 0, (int)t->delay * 1000);
		rc = sample(t);
		if (rc)
			break;
		top_sort_rows(&t->view, t->now.rows, t->now.n);
		if (json)
			print_json(rows_json(&t->now));
		else
			top_print(&t->view, t->now.rows, t->now.n, stdout);
		fflush(stdout);
	}
	return rc;
}

static bool options(struct top *t, int argc, char **argv, unsigned long *count)
{
	bool plain = false;
	int option;

	while ((option = next_option(argc, argv, "bfvzd:i:s:", false)) != -1) {
		plain |= option == 'b';
		t->view.full_names |= option == 'f';
		t->view.vcpus |= option == 'v';
		t->view.dom0_first |= option == 'z';
		if (option == 'd')
			t->delay = need_number(optarg, DELAY_MAX);
		if (option == 'i')
			*count = need_number(optarg, 1000000);
		if (option == 's' && top_sort_parse(optarg, &t->view.sort))
			exit(fail("%s is no column to sort by: domid, name, state, cpu, time, mem "
				  "and vcpus are",
				  optarg));
	}
	need_args(argc, 0, 0);
	return plain || json;
}

int cmd_top(int argc, char **argv)
{
	struct top t = { .delay = 1, .view.sort = TOP_SORT_DOMID };
	struct version_info *v = calloc(1, sizeof(*v));
	unsigned long count = 1;
	bool plain = options(&t, argc, argv, &count);
	int rc;

	if (v && !hyper_version_info(life_hyper(need_life()), v))
		snprintf(t.version, sizeof(t.version), "%u.%u%s", v->major, v->minor, v->extra);
	free(v);
	t.view.version = t.version;
	t.view.clock = t.clock;
	if (!plain && !(isatty(STDIN_FILENO) && isatty(STDOUT_FILENO)))
		return fail("top needs a terminal; `xl top -b` prints a plain sample");
	rc = sample(&t);
	if (!rc)
		rc = plain ? batch(&t, count) : watch(&t);
	sample_free(&t.now);
	return rc ? fail("can't list domains: %s", strerror(-rc)) : EXIT_SUCCESS;
}
