// Cascaded control of a motor: position, speed and current loops with anti-windup, on a simulated plant in
// Q16.
#include "kernel.h"

#define STEPS 2600

typedef int32_t q16;

struct pid {
  q16 kp, ki, kd, limit;
  q16 integral, last;
};
struct motor {
  q16 angle, speed, current;
};
enum mode { IDLE, RAMP, HOLD, FAULT };

static q16 mul(q16 a, q16 b) { return (q16)(((int64_t)a * b) >> 16); }
static q16 clamp(q16 v, q16 limit) { return v > limit ? limit : v < -limit ? -limit : v; }

static q16 pid_step(struct pid *p, q16 target, q16 actual) {
  q16 error = target - actual;
  q16 wanted = p->integral + mul(p->ki, error);
  q16 out = mul(p->kp, error) + wanted - mul(p->kd, actual - p->last);
  p->last = actual;
  q16 limited = clamp(out, p->limit);
  if (limited == out || (out > 0) != (error > 0))
    p->integral = wanted; // only while the output can follow
  return limited;
}

static void motor_step(struct motor *m, q16 voltage, q16 load) {
  m->current += mul(voltage - mul(m->current, 52000) - mul(m->speed, 6000), 9000);
  m->speed += mul(mul(m->current, 40000) - load - mul(m->speed, 900), 4000);
  m->angle += m->speed >> 4;
}

static enum mode next_mode(enum mode mode, const struct motor *m, q16 target, int step) {
  q16 distance = target - m->angle;
  switch (mode) {
  case IDLE:
    return step % 650 == 5 ? RAMP : IDLE;
  case RAMP:
    if (m->current > 20 << 16 || m->current < -(20 << 16))
      return FAULT;
    return distance < 3000 && distance > -3000 ? HOLD : RAMP;
  case HOLD:
    return step % 650 == 640 ? IDLE : HOLD;
  default:
    return step % 97 == 0 ? IDLE : FAULT;
  }
}

int main(void) {
  static struct pid position = {30000, 40, 8000, 12 << 16, 0, 0};
  static struct pid speed = {90000, 3000, 0, 8 << 16, 0, 0};
  static struct pid current = {60000, 9000, 0, 24 << 16, 0, 0};
  static struct motor motor;
  uint32_t random = kernel_seed(), sum = 0;
  enum mode mode = IDLE;
  q16 target = 0;
  roi_begin();
  for (int step = 0; step < STEPS; ++step) {
    if (step % 650 == 0)
      target = (q16)(kernel_random(&random) & 0x3ffff) - 0x20000;
    q16 load = (q16)(kernel_random(&random) & 0xfff) - 0x800;
    enum mode before = mode;
    mode = next_mode(mode, &motor, target, step);
    if (mode != before && mode == RAMP)
      position.integral = speed.integral = current.integral = 0;
    q16 voltage = 0;
    if (mode == RAMP || mode == HOLD) {
      q16 wanted_speed = pid_step(&position, target, motor.angle);
      q16 wanted_current = pid_step(&speed, mode == HOLD ? wanted_speed / 2 : wanted_speed, motor.speed);
      voltage = pid_step(&current, wanted_current, motor.current);
    }
    motor_step(&motor, voltage, load);
    if (step % 13 == 0)
      sum = kernel_fold(kernel_fold(sum, (uint32_t)motor.angle), (uint32_t)motor.current + (uint32_t)mode);
  }
  roi_end();
  return kernel_finish("pid_motor", sum, 0xbc1de946u);
}
