/* What the examples ask of a board: a serial port. */
#ifndef BOARD_H
#define BOARD_H

#include <stdint.h>

/* The next byte that came in, or -1 when the other side has hung up. */
int board_receive(void);

void board_send(char byte);
void board_print(const char *text);
void board_print_decimal(int32_t value);
void board_print_hex(uint32_t value, int digits);

#endif
