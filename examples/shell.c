/*
 * The console of a motor controller: splits lines into words, finds the command, checks its arguments, and drives a
 * small state machine (idle, ramping, running, braking, fault) by commands and by ticks.
 *
 * The input is what an operator types; `tick 5` lets time pass.
 */
#include "board/board.h"

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

enum { LINE_MAX = 96, WORDS_MAX = 8, PINS = 8, LOG_ENTRIES = 6, LOG_TEXT = 20, SPEED_MAX = 3000 };

enum state { IDLE, RAMPING, RUNNING, BRAKING, FAULT };
enum event { START, STOP, TICK, OVERHEAT, RESET };

static const char *const state_names[] = {"idle", "ramping", "running", "braking", "fault"};

struct motor {
  enum state state;
  int32_t speed, target; /* revolutions per minute */
  int32_t temperature;   /* tenths of a degree */
  int32_t ramp;          /* change of speed per tick */
};

struct log_entry {
  uint32_t time;
  char text[LOG_TEXT];
};

static struct motor motor = {IDLE, 0, 0, 250, 120};
static uint8_t pins;
static uint32_t now;
static struct log_entry entries[LOG_ENTRIES];
static size_t logged;

static void log_text(const char *text) {
  struct log_entry *entry = &entries[logged++ % LOG_ENTRIES];
  entry->time = now;
  strncpy(entry->text, text, LOG_TEXT - 1);
  entry->text[LOG_TEXT - 1] = '\0';
}

static void enter(enum state state) {
  if (motor.state != state)
    log_text(state_names[state]);
  motor.state = state;
}

static void warm_up(void) {
  motor.temperature += motor.speed / 150 - (motor.temperature - 250) / 16;
  if (motor.speed > motor.target + 200)
    motor.temperature += 5; /* braking heats, too */
}

static int32_t approach(int32_t value, int32_t target, int32_t step) {
  if (value < target)
    return value + step < target ? value + step : target;
  return value - step > target ? value - step : target;
}

/* Returns whether the event means something in the present state. */
static bool handle(enum event event) {
  if (event == OVERHEAT) {
    motor.target = 0;
    enter(FAULT);
    return true;
  }
  switch (motor.state) {
  case IDLE:
    if (event == START && motor.target > 0)
      enter(RAMPING);
    return event != RESET && event != STOP;
  case RAMPING:
  case RUNNING:
    if (event == STOP) {
      motor.target = 0;
      enter(BRAKING);
    } else if (event == TICK) {
      motor.speed = approach(motor.speed, motor.target, motor.ramp);
      enter(motor.speed == motor.target ? RUNNING : RAMPING);
    } else if (event == START) {
      enter(RAMPING);
    }
    return event != RESET;
  case BRAKING:
    if (event == TICK) {
      motor.speed = approach(motor.speed, 0, 2 * motor.ramp);
      if (motor.speed == 0)
        enter(IDLE);
    }
    return event == TICK || event == STOP;
  case FAULT:
    if (event == TICK)
      motor.speed = approach(motor.speed, 0, motor.ramp / 2);
    if (event == RESET && motor.speed == 0)
      enter(IDLE);
    return event == TICK || (event == RESET && motor.speed == 0);
  }
  return false;
}

static void tick(void) {
  now++;
  warm_up();
  handle(motor.temperature > 480 ? OVERHEAT : TICK);
}

/* Decimal with an optional sign, or hexadecimal after 0x. */
static bool parse_number(const char *text, int32_t *value) {
  bool negative = *text == '-';
  uint32_t result = 0, base = 10;
  if (negative)
    text++;
  if (text[0] == '0' && (text[1] | 0x20) == 'x') {
    base = 16;
    text += 2;
  }
  if (!*text)
    return false;
  for (; *text; text++) {
    char c = *text | 0x20;
    uint32_t digit = c >= '0' && c <= '9' ? (uint32_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint32_t)(c - 'a' + 10) : 99;
    if (digit >= base || result > 0x07ffffff)
      return false;
    result = result * base + digit;
  }
  *value = negative ? -(int32_t)result : (int32_t)result;
  return true;
}

/* Splits at blanks, in place. Quotes keep blanks, a backslash keeps what follows. Returns -1 for an open quote. */
static int split(char *line, char **words) {
  int count = 0;
  char *out = line;
  for (;;) {
    while (*line == ' ' || *line == '\t')
      line++;
    if (!*line || *line == '#' || count == WORDS_MAX)
      return count;
    char *word = out, quote = 0;
    for (; *line && (quote || (*line != ' ' && *line != '\t')); line++) {
      if (*line == '\\' && line[1])
        *out++ = *++line;
      else if (quote ? *line == quote : *line == '"' || *line == '\'')
        quote = quote ? 0 : *line;
      else
        *out++ = *line;
    }
    if (quote)
      return -1;
    if (*line)
      line++;
    *out++ = '\0';
    words[count++] = word;
  }
}

static bool number_in(const char *word, int32_t least, int32_t most, int32_t *value) {
  return parse_number(word, value) && *value >= least && *value <= most;
}

static bool run_speed(int count, char **words) {
  int32_t speed;
  if (count != 2 || !number_in(words[1], 0, SPEED_MAX, &speed))
    return false;
  motor.target = speed;
  return handle(START);
}

static bool run_ramp(int count, char **words) { return count == 2 && number_in(words[1], 2, 1000, &motor.ramp); }

static bool run_stop(int count, char **words) {
  (void)words;
  return count == 1 && handle(STOP);
}

static bool run_reset(int count, char **words) {
  (void)words;
  return count == 1 && handle(RESET);
}

static bool run_tick(int count, char **words) {
  int32_t ticks = 1;
  if (count > 2 || (count == 2 && !number_in(words[1], 1, 1000, &ticks)))
    return false;
  while (ticks--)
    tick();
  return true;
}

static bool run_pin(int count, char **words) {
  int32_t pin;
  if (count != 3 || !number_in(words[2], 0, PINS - 1, &pin))
    return false;
  uint8_t mask = (uint8_t)(1u << pin);
  if (!strcmp(words[1], "set"))
    pins |= mask;
  else if (!strcmp(words[1], "clear"))
    pins &= (uint8_t)~mask;
  else if (!strcmp(words[1], "toggle"))
    pins ^= mask;
  else
    return false;
  return true;
}

static bool run_note(int count, char **words) {
  if (count < 2)
    return false;
  for (int i = 1; i < count; i++)
    log_text(words[i]);
  return true;
}

static bool run_log(int count, char **words) {
  (void)words;
  for (size_t i = logged > LOG_ENTRIES ? logged - LOG_ENTRIES : 0; i < logged; i++) {
    const struct log_entry *entry = &entries[i % LOG_ENTRIES];
    board_print("  ");
    board_print_decimal((int32_t)entry->time);
    board_send(' ');
    board_print(entry->text);
    board_send('\n');
  }
  return count == 1;
}

static bool run_status(int count, char **words) {
  (void)words;
  board_print("  ");
  board_print(state_names[motor.state]);
  board_print(" speed=");
  board_print_decimal(motor.speed);
  board_print(" target=");
  board_print_decimal(motor.target);
  board_print(" temperature=");
  board_print_decimal(motor.temperature / 10);
  board_send('.');
  board_print_decimal(motor.temperature % 10);
  board_print(" pins=0x");
  board_print_hex(pins, 2);
  board_send('\n');
  return count == 1;
}

static const struct command {
  const char *name;
  bool (*run)(int count, char **words);
} commands[] = {
    {"speed", run_speed}, {"ramp", run_ramp}, {"stop", run_stop}, {"reset", run_reset},   {"tick", run_tick},
    {"pin", run_pin},     {"note", run_note}, {"log", run_log},   {"status", run_status},
};

/* A command may be shortened as long as it is the only one that begins so. */
static const struct command *find(const char *word) {
  const struct command *found = NULL;
  size_t length = strlen(word);
  for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++) {
    if (strncmp(commands[i].name, word, length) != 0)
      continue;
    if (commands[i].name[length] == '\0')
      return &commands[i];
    if (found)
      return NULL;
    found = &commands[i];
  }
  return found;
}

static void execute(char *line) {
  char *words[WORDS_MAX];
  int count = split(line, words);
  if (count == 0)
    return;
  const struct command *command = count > 0 ? find(words[0]) : NULL;
  if (count < 0)
    board_print("open quote\n");
  else if (!command)
    board_print("unknown command\n");
  else
    board_print(command->run(count, words) ? "ok\n" : "refused\n");
}

int main(void) {
  char line[LINE_MAX];
  size_t length = 0;
  int byte;
  do {
    byte = board_receive();
    if (byte >= 0 && byte != '\n') {
      if (length < LINE_MAX - 1)
        line[length++] = (char)byte;
      continue;
    }
    line[length] = '\0';
    execute(line);
    length = 0;
  } while (byte >= 0);
  return 0;
}
