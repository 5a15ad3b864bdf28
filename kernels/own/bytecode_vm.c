// A stack machine with calls and local variables runs a program that was assembled at run time.
#include "kernel.h"

#define CODE 160
enum op { PUSH, LOAD, STORE, ADD, SUB, MUL, MOD, LESS, JUMP, JUMP_ZERO, CALL, RETURN, PEEK, POKE, HALT };

struct vm {
  uint8_t code[CODE];
  int32_t stack[64], memory[128];
  uint8_t length, pc, sp, fp;
  uint32_t steps;
};

static void emit(struct vm *v, enum op op, int argument) {
  v->code[v->length++] = (uint8_t)op;
  v->code[v->length++] = (uint8_t)argument;
}

static int32_t run(struct vm *v) {
  int32_t *stack = v->stack;
  unsigned pc = v->pc, sp = v->sp, fp = v->fp;
  for (;;) {
    uint8_t op = v->code[pc], argument = v->code[pc + 1];
    pc += 2;
    ++v->steps;
    switch (op) {
    case PUSH:
      stack[sp++] = (int8_t)argument;
      break;
    case LOAD:
      stack[sp++] = stack[fp + argument];
      break;
    case STORE:
      stack[fp + argument] = stack[--sp];
      break;
    case ADD:
      --sp;
      stack[sp - 1] = (int32_t)((uint32_t)stack[sp - 1] + (uint32_t)stack[sp]);
      break;
    case SUB:
      --sp;
      stack[sp - 1] = (int32_t)((uint32_t)stack[sp - 1] - (uint32_t)stack[sp]);
      break;
    case MUL:
      --sp;
      stack[sp - 1] = (int32_t)((uint32_t)stack[sp - 1] * (uint32_t)stack[sp]);
      break;
    case MOD:
      --sp;
      stack[sp - 1] = stack[sp] ? (int32_t)((uint32_t)stack[sp - 1] % (uint32_t)stack[sp]) : 0;
      break;
    case LESS:
      --sp;
      stack[sp - 1] = stack[sp - 1] < stack[sp];
      break;
    case JUMP:
      pc = argument;
      break;
    case JUMP_ZERO:
      if (!stack[--sp])
        pc = argument;
      break;
    case CALL: // the argument is on the stack; frame: old fp, return address, locals
      stack[sp] = (int32_t)fp;
      stack[sp + 1] = (int32_t)pc;
      fp = sp + 2;
      stack[fp] = stack[sp - 1];
      sp = fp + 4;
      pc = argument;
      break;
    case RETURN: {
      int32_t result = stack[sp - 1];
      sp = fp - 3;
      pc = (unsigned)stack[fp - 1];
      fp = (unsigned)stack[fp - 2];
      stack[sp++] = result;
      break;
    }
    case PEEK:
      stack[sp - 1] = v->memory[(uint32_t)stack[sp - 1] & 127];
      break;
    case POKE:
      sp -= 2;
      v->memory[(uint32_t)stack[sp + 1] & 127] = stack[sp];
      break;
    default:
      return stack[sp - 1];
    }
  }
}

/// main: for i in 0..n: memory[i] = f(i) + memory[f(i)]; f: a loop with modulus.
static void assemble(struct vm *v, int n, int a, int b) {
  emit(v, PUSH, 0);
  emit(v, STORE, 0);
  unsigned loop = v->length;
  emit(v, LOAD, 0);
  emit(v, PUSH, n);
  emit(v, LESS, 0);
  unsigned out = v->length;
  emit(v, JUMP_ZERO, 0);
  emit(v, LOAD, 0);
  unsigned call = v->length;
  emit(v, CALL, 0);
  emit(v, STORE, 1);
  emit(v, LOAD, 1);
  emit(v, LOAD, 1);
  emit(v, PEEK, 0);
  emit(v, ADD, 0);
  emit(v, LOAD, 0);
  emit(v, POKE, 0);
  emit(v, LOAD, 0);
  emit(v, PUSH, 1);
  emit(v, ADD, 0);
  emit(v, STORE, 0);
  emit(v, JUMP, (int)loop);
  v->code[out + 1] = v->length;
  emit(v, PUSH, n - 1);
  emit(v, PEEK, 0);
  emit(v, HALT, 0);
  v->code[call + 1] = v->length;
  emit(v, PUSH, 1);
  emit(v, STORE, 1);
  unsigned inner = v->length;
  emit(v, PUSH, 0);
  emit(v, LOAD, 0);
  emit(v, LESS, 0);
  unsigned done = v->length;
  emit(v, JUMP_ZERO, 0);
  emit(v, LOAD, 1);
  emit(v, PUSH, a);
  emit(v, MUL, 0);
  emit(v, LOAD, 0);
  emit(v, ADD, 0);
  emit(v, PUSH, b);
  emit(v, MOD, 0);
  emit(v, STORE, 1);
  emit(v, LOAD, 0);
  emit(v, PUSH, 3);
  emit(v, SUB, 0);
  emit(v, STORE, 0);
  emit(v, JUMP, (int)inner);
  v->code[done + 1] = v->length;
  emit(v, LOAD, 1);
  emit(v, RETURN, 0);
}

int main(void) {
  uint32_t random = kernel_seed(), sum = 0;
  static struct vm v;
  roi_begin();
  for (int program = 0; program < 5; ++program) {
    v = (struct vm){.sp = 4};
    for (int i = 0; i < 128; ++i)
      v.memory[i] = (int32_t)(kernel_random(&random) & 0xff);
    assemble(&v, 50 + program * 6, 3 + (int)(random & 31), 90 + (int)(random >> 8 & 31));
    sum = kernel_fold(kernel_fold(sum, (uint32_t)run(&v)), v.steps);
    for (int i = 0; i < 128; i += 9)
      sum = kernel_fold(sum, (uint32_t)v.memory[i]);
  }
  roi_end();
  return kernel_finish("bytecode_vm", sum, 0x2aed7fecu);
}
