/* A Modbus RTU slave: frames with CRC, holding registers and coils, exception replies. */
#include "runtime.h"
#include <stdbool.h>

enum { ADDRESS = 17, REGISTERS = 48, COILS = 64, MAX_FRAME = 64 };
enum { READ_COILS = 1, READ_REGISTERS = 3, WRITE_COIL = 5, WRITE_REGISTER = 6, WRITE_REGISTERS = 16 };
enum { ILLEGAL_FUNCTION = 1, ILLEGAL_ADDRESS = 2, ILLEGAL_VALUE = 3 };

struct slave {
  uint16_t registers[REGISTERS];
  uint8_t coils[COILS / 8];
  uint32_t frames, crc_errors, exceptions;
};

struct frame {
  uint8_t bytes[MAX_FRAME];
  unsigned length;
};

static uint16_t crc16(const uint8_t *data, unsigned length) {
  uint16_t crc = 0xffff;
  for (unsigned i = 0; i < length; i++) {
    crc ^= data[i];
    for (int bit = 0; bit < 8; bit++)
      crc = crc & 1 ? crc >> 1 ^ 0xa001 : crc >> 1;
  }
  return crc;
}

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static void append(struct frame *f, uint8_t byte) {
  if (f->length < MAX_FRAME)
    f->bytes[f->length++] = byte;
}

static void append16(struct frame *f, uint16_t value) {
  append(f, (uint8_t)(value >> 8));
  append(f, (uint8_t)value);
}

static void seal(struct frame *f) {
  uint16_t crc = crc16(f->bytes, f->length);
  append(f, (uint8_t)crc);
  append(f, (uint8_t)(crc >> 8));
}

static void refuse(struct slave *s, struct frame *reply, uint8_t function, uint8_t code) {
  s->exceptions++;
  reply->length = 0;
  append(reply, ADDRESS);
  append(reply, function | 0x80);
  append(reply, code);
}

static void read_coils(struct slave *s, uint16_t start, uint16_t count, struct frame *reply) {
  append(reply, (uint8_t)((count + 7) / 8));
  uint8_t byte = 0;
  for (unsigned i = 0; i < count; i++) {
    unsigned coil = start + i;
    if (s->coils[coil / 8] >> (coil % 8) & 1)
      byte |= (uint8_t)(1 << (i % 8));
    if (i % 8 == 7 || i + 1 == count) {
      append(reply, byte);
      byte = 0;
    }
  }
}

static void handle(struct slave *s, const struct frame *request, struct frame *reply) {
  const uint8_t *b = request->bytes;
  reply->length = 0;
  if (request->length < 8 || b[0] != ADDRESS)
    return;
  uint16_t crc = crc16(b, request->length - 2);
  if (b[request->length - 2] != (crc & 255) || b[request->length - 1] != crc >> 8) {
    s->crc_errors++;
    return;
  }
  s->frames++;
  uint8_t function = b[1];
  uint16_t start = get16(b + 2), value = get16(b + 4);
  append(reply, ADDRESS);
  append(reply, function);
  switch (function) {
  case READ_COILS:
    if (value == 0 || start + value > COILS)
      refuse(s, reply, function, ILLEGAL_ADDRESS);
    else
      read_coils(s, start, value, reply);
    break;
  case READ_REGISTERS:
    if (value == 0 || value > 24 || start + value > REGISTERS) {
      refuse(s, reply, function, ILLEGAL_ADDRESS);
    } else {
      append(reply, (uint8_t)(2 * value));
      for (unsigned i = 0; i < value; i++)
        append16(reply, s->registers[start + i]);
    }
    break;
  case WRITE_COIL:
    if (start >= COILS) {
      refuse(s, reply, function, ILLEGAL_ADDRESS);
    } else if (value != 0 && value != 0xff00) {
      refuse(s, reply, function, ILLEGAL_VALUE);
    } else {
      uint8_t mask = (uint8_t)(1 << (start % 8));
      if (value)
        s->coils[start / 8] |= mask;
      else
        s->coils[start / 8] &= (uint8_t)~mask;
      append16(reply, start);
      append16(reply, value);
    }
    break;
  case WRITE_REGISTER:
    if (start >= REGISTERS) {
      refuse(s, reply, function, ILLEGAL_ADDRESS);
    } else {
      s->registers[start] = value;
      append16(reply, start);
      append16(reply, value);
    }
    break;
  case WRITE_REGISTERS:
    if (value == 0 || start + value > REGISTERS || b[6] != 2 * value || request->length != 9u + b[6]) {
      refuse(s, reply, function, ILLEGAL_ADDRESS);
    } else {
      for (unsigned i = 0; i < value; i++)
        s->registers[start + i] = get16(b + 7 + 2 * i);
      append16(reply, start);
      append16(reply, value);
    }
    break;
  default:
    refuse(s, reply, function, ILLEGAL_FUNCTION);
  }
  seal(reply);
}

static void make_request(struct frame *f) {
  static const uint8_t functions[] = {READ_COILS, READ_REGISTERS, WRITE_COIL, WRITE_REGISTER, WRITE_REGISTERS, 43};
  f->length = 0;
  append(f, ADDRESS);
  uint8_t function = functions[next_input() % 6];
  append(f, function);
  append16(f, next_input() % 56);
  if (function == WRITE_REGISTERS) {
    unsigned count = 1 + next_input() % 8;
    append16(f, (uint16_t)count);
    append(f, (uint8_t)(2 * count));
    for (unsigned i = 0; i < count; i++)
      append16(f, (uint16_t)next_input());
  } else {
    append16(f, function == WRITE_COIL ? (next_input() & 1 ? 0xff00 : 0) : next_input() % 20);
  }
  seal(f);
  if (next_input() % 16 == 0)
    f->bytes[next_input() % f->length] ^= 4; /* noise on the line */
}

int main(void) {
  static struct slave slave;
  struct frame request, reply;
  uint32_t sum = 0;
  for (int i = 0; i < 400; i++) {
    make_request(&request);
    handle(&slave, &request, &reply);
    sum = (sum << 5 | sum >> 27) ^ crc16(reply.bytes, reply.length);
  }
  print("modbus ");
  print_hex(sum);
  print(" frames ");
  print_hex(slave.frames);
  print(" exceptions ");
  print_hex(slave.exceptions);
  print("\n");
  return slave.frames + slave.crc_errors > 400;
}
