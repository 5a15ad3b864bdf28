/*
 * A Modbus RTU server: checks frames, serves coils and registers, answers errors with exceptions.
 *
 * Each line of the input is one frame in hexadecimal, as a bus monitor writes it; each answer is printed the same way.
 */
#include "board/board.h"

#include <stdbool.h>
#include <stddef.h>

enum { SERVER_ADDRESS = 0x11, BROADCAST = 0, FRAME_MAX = 256, FRAME_MIN = 4 };
enum { COILS = 40, HOLDING_REGISTERS = 64, INPUT_REGISTERS = 8, COILS_PER_READ = 2000, REGISTERS_PER_READ = 125 };

enum function {
  READ_COILS = 1,
  READ_HOLDING = 3,
  READ_INPUT = 4,
  WRITE_COIL = 5,
  WRITE_REGISTER = 6,
  DIAGNOSTICS = 8,
  WRITE_COILS = 15,
  WRITE_REGISTERS = 16,
  MASK_WRITE = 22,
};

enum exception { OK = 0, ILLEGAL_FUNCTION = 1, ILLEGAL_ADDRESS = 2, ILLEGAL_VALUE = 3 };

struct frame {
  uint8_t bytes[FRAME_MAX];
  size_t length;
};

struct server {
  uint8_t coils[(COILS + 7) / 8];
  uint16_t holding[HOLDING_REGISTERS];
  uint16_t input[INPUT_REGISTERS];
  uint16_t messages, bad_checksums, exceptions, ignored;
};

static struct server server;

static uint16_t crc16(const uint8_t *bytes, size_t length) {
  uint16_t crc = 0xffff;
  while (length--) {
    crc ^= *bytes++;
    for (int bit = 0; bit < 8; bit++)
      crc = crc & 1 ? (uint16_t)(crc >> 1 ^ 0xa001) : crc >> 1;
  }
  return crc;
}

static uint16_t get16(const uint8_t *bytes) { return (uint16_t)(bytes[0] << 8 | bytes[1]); }

static void append(struct frame *frame, uint8_t byte) {
  if (frame->length < FRAME_MAX)
    frame->bytes[frame->length++] = byte;
}

static void append16(struct frame *frame, uint16_t value) {
  append(frame, (uint8_t)(value >> 8));
  append(frame, (uint8_t)value);
}

static void append_checksum(struct frame *frame) {
  uint16_t crc = crc16(frame->bytes, frame->length);
  append(frame, (uint8_t)crc); /* low byte first, unlike everything else */
  append(frame, (uint8_t)(crc >> 8));
}

static bool in_range(uint16_t first, uint16_t count, uint16_t size) { return first < size && count <= size - first; }

static bool coil(uint16_t index) { return server.coils[index / 8] >> index % 8 & 1; }

static void set_coil(uint16_t index, bool on) {
  uint8_t mask = (uint8_t)(1 << index % 8);
  if (on)
    server.coils[index / 8] |= mask;
  else
    server.coils[index / 8] &= (uint8_t)~mask;
}

static enum exception read_coils(const uint8_t *data, struct frame *answer) {
  uint16_t first = get16(data), count = get16(data + 2);
  if (count == 0 || count > COILS_PER_READ)
    return ILLEGAL_VALUE;
  if (!in_range(first, count, COILS))
    return ILLEGAL_ADDRESS;
  append(answer, (uint8_t)((count + 7) / 8));
  for (uint16_t i = 0; i < count; i += 8) {
    uint8_t packed = 0;
    for (uint16_t bit = 0; bit < 8 && i + bit < count; bit++)
      packed |= (uint8_t)(coil((uint16_t)(first + i + bit)) << bit);
    append(answer, packed);
  }
  return OK;
}

static enum exception read_registers(const uint8_t *data, const uint16_t *registers, uint16_t size,
                                     struct frame *answer) {
  uint16_t first = get16(data), count = get16(data + 2);
  if (count == 0 || count > REGISTERS_PER_READ)
    return ILLEGAL_VALUE;
  if (!in_range(first, count, size))
    return ILLEGAL_ADDRESS;
  append(answer, (uint8_t)(2 * count));
  for (uint16_t i = 0; i < count; i++)
    append16(answer, registers[first + i]);
  return OK;
}

static enum exception write_coil(const uint8_t *data, struct frame *answer) {
  uint16_t index = get16(data), value = get16(data + 2);
  if (value != 0x0000 && value != 0xff00)
    return ILLEGAL_VALUE;
  if (index >= COILS)
    return ILLEGAL_ADDRESS;
  set_coil(index, value != 0);
  append16(answer, index);
  append16(answer, value);
  return OK;
}

static enum exception write_register(const uint8_t *data, struct frame *answer) {
  uint16_t index = get16(data), value = get16(data + 2);
  if (index >= HOLDING_REGISTERS)
    return ILLEGAL_ADDRESS;
  server.holding[index] = value;
  append16(answer, index);
  append16(answer, value);
  return OK;
}

/* Coils and registers come with a first index, a count and a byte count, then the values. */
static enum exception write_many(const uint8_t *data, size_t length, bool coils, struct frame *answer) {
  uint16_t first = get16(data), count = get16(data + 2);
  uint8_t bytes = data[4];
  uint16_t needed = coils ? (uint16_t)((count + 7) / 8) : (uint16_t)(2 * count);
  if (count == 0 || bytes != needed || length != (size_t)bytes + 5)
    return ILLEGAL_VALUE;
  if (!in_range(first, count, coils ? COILS : HOLDING_REGISTERS))
    return ILLEGAL_ADDRESS;
  for (uint16_t i = 0; i < count; i++) {
    if (coils)
      set_coil((uint16_t)(first + i), data[5 + i / 8] >> i % 8 & 1);
    else
      server.holding[first + i] = get16(data + 5 + 2 * i);
  }
  append16(answer, first);
  append16(answer, count);
  return OK;
}

static enum exception mask_write(const uint8_t *data, struct frame *answer) {
  uint16_t index = get16(data), and_mask = get16(data + 2), or_mask = get16(data + 4);
  if (index >= HOLDING_REGISTERS)
    return ILLEGAL_ADDRESS;
  server.holding[index] = (uint16_t)((server.holding[index] & and_mask) | (or_mask & (uint16_t)~and_mask));
  append16(answer, index);
  append16(answer, and_mask);
  append16(answer, or_mask);
  return OK;
}

static enum exception diagnose(const uint8_t *data, struct frame *answer) {
  uint16_t kind = get16(data), value = get16(data + 2);
  switch (kind) {
  case 0x00: /* say it back */
    break;
  case 0x0a: /* clear counters */
    server.messages = server.bad_checksums = server.exceptions = server.ignored = 0;
    break;
  case 0x0b:
    value = server.messages;
    break;
  case 0x0c:
    value = server.bad_checksums;
    break;
  case 0x0d:
    value = server.exceptions;
    break;
  case 0x0f:
    value = server.ignored;
    break;
  default:
    return ILLEGAL_VALUE;
  }
  append16(answer, kind);
  append16(answer, value);
  return OK;
}

/* Bytes that follow the function code at least; 0 for functions that this server lacks. */
static size_t shortest_request(uint8_t function) {
  switch (function) {
  case READ_COILS:
  case READ_HOLDING:
  case READ_INPUT:
  case WRITE_COIL:
  case WRITE_REGISTER:
  case DIAGNOSTICS:
    return 4;
  case WRITE_COILS:
  case WRITE_REGISTERS:
  case MASK_WRITE:
    return 6;
  default:
    return 0;
  }
}

static enum exception serve(uint8_t function, const uint8_t *data, size_t length, struct frame *answer) {
  size_t shortest = shortest_request(function);
  if (shortest == 0)
    return ILLEGAL_FUNCTION;
  if (length < shortest)
    return ILLEGAL_VALUE;
  switch (function) {
  case READ_COILS:
    return read_coils(data, answer);
  case READ_HOLDING:
    return read_registers(data, server.holding, HOLDING_REGISTERS, answer);
  case READ_INPUT:
    return read_registers(data, server.input, INPUT_REGISTERS, answer);
  case WRITE_COIL:
    return write_coil(data, answer);
  case WRITE_REGISTER:
    return write_register(data, answer);
  case DIAGNOSTICS:
    return diagnose(data, answer);
  case MASK_WRITE:
    return mask_write(data, answer);
  default:
    return write_many(data, length, function == WRITE_COILS, answer);
  }
}

/* Returns whether there is an answer to send. */
static bool handle(const struct frame *request, struct frame *answer) {
  size_t length = request->length;
  if (length < FRAME_MIN)
    return false;
  server.messages++;
  if (crc16(request->bytes, length) != 0) { /* over the checksum too, it leaves nothing */
    server.bad_checksums++;
    return false;
  }
  uint8_t address = request->bytes[0], function = request->bytes[1];
  if (address != SERVER_ADDRESS && address != BROADCAST) {
    server.ignored++;
    return false;
  }
  answer->length = 0;
  append(answer, address);
  append(answer, function);
  enum exception problem = serve(function, request->bytes + 2, length - 4, answer);
  if (problem != OK) {
    server.exceptions++;
    answer->length = 1;
    append(answer, function | 0x80);
    append(answer, (uint8_t)problem);
  }
  append_checksum(answer);
  return address != BROADCAST;
}

static int hex_digit(int byte) {
  if (byte >= '0' && byte <= '9')
    return byte - '0';
  byte |= 0x20;
  return byte >= 'a' && byte <= 'f' ? byte - 'a' + 10 : -1;
}

/* Reads one line; returns false at the end of the input. */
static bool receive(struct frame *frame) {
  int byte, high = -1;
  frame->length = 0;
  while ((byte = board_receive()) >= 0 && byte != '\n') {
    int digit = hex_digit(byte);
    if (digit < 0)
      continue;
    if (high < 0) {
      high = digit;
    } else {
      append(frame, (uint8_t)(high << 4 | digit));
      high = -1;
    }
  }
  return byte >= 0 || frame->length > 0;
}

static void send(const struct frame *frame) {
  for (size_t i = 0; i < frame->length; i++) {
    board_print_hex(frame->bytes[i], 2);
    board_send(i + 1 < frame->length ? ' ' : '\n');
  }
}

int main(void) {
  struct frame request, answer;
  for (uint16_t i = 0; i < INPUT_REGISTERS; i++)
    server.input[i] = (uint16_t)(1000 + 37 * i);
  while (receive(&request)) {
    if (handle(&request, &answer))
      send(&answer);
    else
      board_print("(no answer)\n");
  }
  return 0;
}
