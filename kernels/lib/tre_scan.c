//===- tre_scan.c - regular expressions over a device log, with TRE ------------===//
//
// Patterns are compiled and matched against every line of a log: with groups
// and counts, and approximately.
//
//===----------------------------------------------------------------------===//

#include "sample.h"
#include "tre.h"
#include <string.h>

#define ARENA_BYTES 98304
#include "arena.h"
#include "bare.h"

enum { LOG = 420, GROUPS = 4 };

static const char *const patterns[] = {"([a-z]+) (reads|of) ([a-z]+)", "[0-9]([a-z]+) ?([a-z]*)",
                                       "([a-z]{3,5} ){2}([^aeiou]+)", "(sensor|motor|valve).*(the|a)$"};

static char lines[LOG + 1];

static uint32_t scan(const regex_t *regex, uint32_t *matches) {
  uint32_t sum = 0;
  const char *end = lines + LOG;
  for (const char *line = lines; line < end;) {
    regmatch_t groups[GROUPS];
    const char *stop = memchr(line, '\n', (size_t)(end - line));
    size_t length = (size_t)((stop ? stop : end) - line);
    if (tre_regnexec(regex, line, length, GROUPS, groups, 0) == 0) {
      ++*matches;
      for (int i = 0; i < GROUPS; i++)
        sum = kernel_fold(sum, (uint32_t)(groups[i].rm_so * 512 + groups[i].rm_eo));
    }
    line += length + 1;
  }
  return sum;
}

static uint32_t search_nearly(const char *pattern, uint32_t *matches) {
  regex_t regex;
  regaparams_t params;
  regmatch_t group;
  regamatch_t match = {.nmatch = 1, .pmatch = &group};
  if (tre_regcomp(&regex, pattern, REG_EXTENDED))
    return 1;
  tre_regaparams_default(&params);
  params.max_cost = 2;
  uint32_t sum = 2;
  if (tre_reganexec(&regex, lines, 120, &match, params, 0) == 0) {
    ++*matches;
    sum = kernel_fold((uint32_t)match.cost, (uint32_t)(group.rm_so * 512 + group.rm_eo));
  }
  tre_regfree(&regex);
  return sum;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 11, failures = 0, matches = 0;
  sample_text(lines, LOG, &state);

  roi_begin();
  for (uint32_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++) {
    regex_t regex;
    failures += tre_regcomp(&regex, patterns[i], REG_EXTENDED | REG_ICASE) != 0;
    sum = kernel_fold(sum, scan(&regex, &matches));
    tre_regfree(&regex);
    lines[sum % LOG] = ' ';
  }
  sum = kernel_fold(sum, search_nearly("vlave", &matches));
  roi_end();

  failures += matches < 4 || !arena_is_whole();
  return kernel_finish("tre_scan", kernel_fold(kernel_fold(sum, matches), failures), 0xe84832afu);
}
