/*
 * The board for `mlcomp measure`: what comes in is a file, taken in at compile time; what goes out is standard output.
 * INPUT names the file, in quotes, relative to this folder.
 */
#include "board.h"

#include <inttypes.h>
#include <stdio.h>

static const volatile uint8_t input[] = {
#embed INPUT
};
static uint32_t next;

int board_receive(void) { return next < sizeof input ? input[next++] : -1; }
void board_send(char byte) { putchar(byte); }
void board_print(const char *text) { fputs(text, stdout); }
void board_print_decimal(int32_t value) { printf("%" PRId32, value); }
void board_print_hex(uint32_t value, int digits) { printf("%0*" PRIx32, digits, value); }
