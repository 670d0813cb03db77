/* The driver of libmodsecurity: driver RULES CORPUS. What it speaks stands in ../README.md; how the corpus is laid out, and what the
 * varied one is, in crates/peers/src/driver.rs, which this file follows. gcc -O2 driver.c -lmodsecurity */
#define _GNU_SOURCE
#include <modsecurity/modsecurity.h>
#include <modsecurity/rules_set.h>
#include <modsecurity/transaction.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FIELDS 64

struct slot {
  uint32_t offset, length, alphabet;
};

struct text {
  char *bytes;
  uint32_t length, slots;
  struct slot *slot;
};

struct request {
  struct text name, method, target, body, response_body;
  struct text header[FIELDS][2], response_header[FIELDS][2];
  uint32_t headers, response_headers;
  uint64_t sequence;
};

static const char *const base64_url = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void fill(uint64_t *sequence, struct text *text) {
  const char *alphabets[4][2] = {{"0123456789", "0123456789"},
                                 {"0123456789abcdef", "0123456789abcdef"},
                                 {base64_url, base64_url},
                                 {"bdfgklmnprst", "aeiou"}};
  const uint32_t letters[4][2] = {{10, 10}, {16, 16}, {64, 64}, {12, 5}};
  uint64_t x = *sequence;
  for (uint32_t s = 0; s < text->slots; s++) {
    const struct slot *slot = &text->slot[s];
    for (uint32_t i = 0; i < slot->length; i++) {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      text->bytes[slot->offset + i] = alphabets[slot->alphabet][i % 2][(x >> 33) % letters[slot->alphabet][i % 2]];
    }
  }
  *sequence = x;
}

static void fill_request(struct request *r) {
  fill(&r->sequence, &r->target);
  for (uint32_t i = 0; i < r->headers; i++) fill(&r->sequence, &r->header[i][1]);
  fill(&r->sequence, &r->body);
  fill(&r->sequence, &r->response_body);
}

static const char *cursor;

static uint32_t number(void) {
  uint32_t value;
  memcpy(&value, cursor, sizeof value);
  cursor += sizeof value;
  return value;
}

static struct text text(void) {
  struct text t = {0};
  t.length = number();
  t.bytes = calloc(1, t.length + 1);
  memcpy(t.bytes, cursor, t.length);
  cursor += t.length;
  t.slots = number();
  t.slot = calloc(t.slots + 1, sizeof *t.slot);
  for (uint32_t s = 0; s < t.slots; s++) {
    t.slot[s].offset = number();
    t.slot[s].length = number();
    t.slot[s].alphabet = number();
  }
  return t;
}

static uint32_t fields(struct text (*field)[2]) {
  uint32_t count = number();
  if (count > FIELDS) exit(3);
  for (uint32_t i = 0; i < count; i++) {
    field[i][0] = text();
    field[i][1] = text();
  }
  return count;
}

static uint32_t read_corpus(const char *path, struct request **requests) {
  FILE *file = fopen(path, "rb");
  if (!file || fseek(file, 0, SEEK_END)) exit(3);
  long length = ftell(file);
  rewind(file);
  char *bytes = malloc((size_t)length);
  if (fread(bytes, 1, (size_t)length, file) != (size_t)length) exit(3);
  fclose(file);
  cursor = bytes;
  uint32_t count = number();
  *requests = calloc(count, sizeof **requests);
  for (uint32_t i = 0; i < count; i++) {
    struct request *r = &(*requests)[i];
    r->sequence = UINT64_C(20260728) ^ ((uint64_t)(i + 1) * UINT64_C(0x9e3779b97f4a7c15));
    r->name = text();
    r->method = text();
    r->target = text();
    r->headers = fields(r->header);
    r->body = text();
    r->response_headers = fields(r->response_header);
    r->response_body = text();
  }
  free(bytes);
  return count;
}

static int collect;
static char ids[8192];

static void add_id(const char *line) {
  const char *id = line ? strstr(line, "[id \"") : NULL;
  if (!collect || !id || strlen(ids) > sizeof ids - 64) return;
  if (ids[0]) strcat(ids, " ");
  size_t length = strcspn(id + 5, "\"");
  strncat(ids, id + 5, length < 32 ? length : 32);
}

static void log_line(void *data, const void *line) {
  (void)data;
  add_id(line);
}

static int intervention(Transaction *t) {
  ModSecurityIntervention it;
  memset(&it, 0, sizeof it);
  it.status = 200;
  if (!msc_intervention(t, &it)) return 0;
  add_id(it.log);
  free(it.url);
  free(it.log);
  return it.status ? it.status : 403;
}

#define U(text) (const unsigned char *)(text).bytes, (text).length

static int phases(Transaction *t, const struct request *r) {
  int refused;
  msc_process_connection(t, "203.0.113.7", 40000, "192.0.2.10", 443);
  msc_process_uri(t, r->target.bytes, r->method.bytes, "1.1");
  if ((refused = intervention(t))) return refused;
  for (uint32_t i = 0; i < r->headers; i++) msc_add_n_request_header(t, U(r->header[i][0]), U(r->header[i][1]));
  msc_process_request_headers(t);
  if ((refused = intervention(t))) return refused;
  if (r->body.length) msc_append_request_body(t, U(r->body));
  msc_process_request_body(t);
  if ((refused = intervention(t))) return refused;
  for (uint32_t i = 0; i < r->response_headers; i++)
    msc_add_n_response_header(t, U(r->response_header[i][0]), U(r->response_header[i][1]));
  msc_process_response_headers(t, 200, "HTTP/1.1");
  if ((refused = intervention(t))) return refused;
  msc_append_response_body(t, U(r->response_body));
  msc_process_response_body(t);
  return intervention(t);
}

static int transaction(ModSecurity *engine, RulesSet *rules, const struct request *r) {
  Transaction *t = msc_new_transaction(engine, rules, NULL);
  int refused = phases(t, r);
  msc_process_logging(t);
  msc_transaction_cleanup(t);
  return refused;
}

/* The function that callgrind counts: its name is told on valgrind's command line. */
__attribute__((noinline, noclone)) int counted_transactions(ModSecurity *engine, RulesSet *rules, const struct request *r,
                                                            int transactions) {
  int refused = 0;
  for (int i = 0; i < transactions; i++) refused = transaction(engine, rules, r);
  return refused;
}

static double seconds(clockid_t clock) {
  struct timespec now;
  clock_gettime(clock, &now);
  return (double)now.tv_sec + (double)now.tv_nsec * 1e-9;
}

static double cpu(void) { return seconds(CLOCK_PROCESS_CPUTIME_ID); }

static long resident_kib(void) {
  FILE *status = fopen("/proc/self/status", "r");
  char line[256];
  long kib = 0;
  while (status && fgets(line, sizeof line, status))
    if (sscanf(line, "VmRSS: %ld", &kib) == 1) break;
  if (status) fclose(status);
  return kib;
}

static void timed(ModSecurity *engine, RulesSet *rules, struct request *r, int varied, double wanted) {
  long n = 0, step = 3;
  int refused = 0;
  double begun = cpu(), wall = seconds(CLOCK_MONOTONIC), used;
  for (;;) {
    for (long i = 0; i < step; i++) {
      if (varied) fill_request(r);
      refused = transaction(engine, rules, r);
    }
    n += step;
    used = cpu() - begun;
    if (used >= wanted) break;
    step = used < wanted / 16 ? step * 2 : 1 + step / 2;
  }
  wall = seconds(CLOCK_MONOTONIC) - wall;
  if (varied) {
    begun = cpu();
    for (long i = 0; i < n; i++) fill_request(r);
    used -= cpu() - begun;
  }
  printf("{\"us\":%.3f,\"wall_us\":%.3f,\"n\":%ld,\"status\":%d}\n", used / (double)n * 1e6, wall / (double)n * 1e6, n, refused);
}

static void answer(ModSecurity *engine, RulesSet *rules, struct request *requests, uint32_t count, const char *line) {
  char command[64] = "", name[64] = "", third[64] = "", fourth[64] = "";
  int words = sscanf(line, "%63s %63s %63s %63s", command, name, third, fourth);
  if (!strcmp(command, "rss")) {
    printf("{\"rss_kb\":%ld}\n", resident_kib());
    return;
  }
  struct request *r = NULL;
  for (uint32_t i = 0; i < count; i++)
    if (!strcmp(requests[i].name.bytes, name)) r = &requests[i];
  if (r && !strcmp(command, "ids")) {
    collect = 1;
    ids[0] = 0;
    int refused = transaction(engine, rules, r);
    collect = 0;
    printf("{\"ids\":\"%s\",\"status\":%d}\n", ids, refused);
  } else if (r && words == 4 && !strcmp(command, "time")) {
    timed(engine, rules, r, !strcmp(third, "varied"), atof(fourth));
  } else if (r && words == 4 && !strcmp(command, "count")) {
    for (int i = atoi(third); i > 0; i--) transaction(engine, rules, r);
    int refused = counted_transactions(engine, rules, r, atoi(fourth));
    printf("{\"n\":%d,\"status\":%d}\n", atoi(fourth), refused);
  } else {
    printf("{\"error\":\"not understood\"}\n");
  }
}

int main(int count, char **arguments) {
  if (count != 3) return 2;
  struct request *requests;
  uint32_t known = read_corpus(arguments[2], &requests);
  long before = resident_kib();
  double begun = cpu();
  ModSecurity *engine = msc_init();
  msc_set_log_cb(engine, log_line);
  const char *error = NULL;
  RulesSet *rules = msc_create_rules_set();
  int loaded = msc_rules_add_file(rules, arguments[1], &error);
  if (loaded < 0) {
    fprintf(stderr, "%s\n", error);
    return 1;
  }
  printf("{\"engine\":\"%s\",\"rules\":%d,\"load_ms\":%.1f,\"rss_before_kb\":%ld,\"rss_loaded_kb\":%ld}\n", msc_who_am_i(engine),
         loaded, (cpu() - begun) * 1e3, before, resident_kib());
  fflush(stdout);
  char line[512];
  while (fgets(line, sizeof line, stdin)) {
    answer(engine, rules, requests, known, line);
    fflush(stdout);
  }
  return 0;
}
