//===- libfixmath_motor.c - field-oriented control in Q16.16 with libfixmath ----===//
//
// A motor model is driven by a controller with Park transforms, square roots,
// arc tangents and an exponential filter; speeds are printed and read again.
//
//===----------------------------------------------------------------------===//

#include "fixmath.h"
#include "sample.h"

enum { STEPS = 260 };

struct motor {
  fix16_t angle, speed, current_d, current_q;
};

struct controller {
  fix16_t integral, filtered;
};

static void park(fix16_t a, fix16_t b, fix16_t angle, fix16_t *d, fix16_t *q) {
  fix16_t sine = fix16_sin(angle), cosine = fix16_cos(angle);
  *d = fix16_sadd(fix16_smul(a, cosine), fix16_smul(b, sine));
  *q = fix16_ssub(fix16_smul(b, cosine), fix16_smul(a, sine));
}

static fix16_t control(struct controller *c, fix16_t wanted, fix16_t speed) {
  fix16_t error = fix16_ssub(wanted, speed);
  c->integral = fix16_clamp(fix16_sadd(c->integral, fix16_smul(error, F16(0.02))), F16(-20), F16(20));
  fix16_t decay = fix16_exp(fix16_smul(fix16_abs(error), F16(-0.1)));
  c->filtered = fix16_lerp16(c->filtered, error, (uint16_t)(decay & 0xffff));
  return fix16_sadd(fix16_smul(c->filtered, F16(0.7)), c->integral);
}

static void advance(struct motor *m, fix16_t voltage, fix16_t load) {
  fix16_t d, q, back = fix16_smul(m->speed, F16(0.05));
  park(voltage, back, m->angle, &d, &q);
  m->current_d = fix16_lerp8(m->current_d, d, 40);
  m->current_q = fix16_lerp8(m->current_q, fix16_ssub(voltage, back), 40);
  fix16_t torque = fix16_ssub(fix16_smul(m->current_q, F16(1.3)), load);
  m->speed = fix16_sadd(m->speed, fix16_sdiv(torque, F16(4.5)));
  m->angle = fix16_mod(fix16_sadd(m->angle, fix16_smul(m->speed, F16(0.01))), fix16_pi << 1);
}

static uint32_t report(const struct motor *m, uint32_t sum, uint32_t *failures) {
  char text[16];
  fix16_to_str(m->speed, text, 4);
  fix16_t again = fix16_from_str(text), difference = fix16_abs(again - m->speed);
  *failures += difference > 8;
  for (const char *c = text; *c; c++)
    sum = kernel_fold(sum, (uint8_t)*c);
  return sum;
}

int main(void) {
  uint32_t state = kernel_seed(), sum = 25, failures = 0;
  struct motor motor = {0, 0, 0, 0};
  struct controller controller = {0, 0};

  roi_begin();
  for (int i = 0; i < STEPS; i++) {
    fix16_t wanted = F16(12) + (fix16_t)(kernel_random(&state) & 0x1ffff);
    fix16_t load = (fix16_t)(kernel_random(&state) & 0x7fff);
    advance(&motor, control(&controller, wanted, motor.speed), load);
    fix16_t length = fix16_sqrt(fix16_sadd(fix16_smul(motor.current_d, motor.current_d),
                                           fix16_smul(motor.current_q, motor.current_q)));
    fix16_t phase = fix16_atan2(motor.current_q, motor.current_d);
    fix16_t level = fix16_log2(fix16_sadd(length, fix16_one));
    sum = kernel_fold(kernel_fold(kernel_fold(sum, (uint32_t)length), (uint32_t)phase), (uint32_t)level);
    if (i % 16 == 0)
      sum = report(&motor, sum, &failures);
  }
  roi_end();

  failures += motor.speed < F16(6) || motor.speed > F16(20);
  return kernel_finish("libfixmath_motor", kernel_fold(kernel_fold(sum, (uint32_t)motor.speed), failures),
                       0x48fec4edu);
}
