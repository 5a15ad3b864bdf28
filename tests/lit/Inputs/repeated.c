// Code that stands in several functions: ends, calls with equal arguments, straight code with and without a saved
// return address.
int first(int, int), second(const char *);
extern volatile int port[16];

int end_one(int x) { return first(x, 1) ? second("one") + 7 : -1; }
int end_two(int x) { return first(x, 2) ? second("two") + 7 : -1; }
int end_three(int x) { return first(x, 3) ? second("three") + 7 : -1; }

void call_one(int x) { port[0] = first(x, 0x12345); port[1] = second("a string that all print"); }
void call_two(int x) { port[2] = first(x, 0x54321); port[3] = second("a string that all print"); }
void call_three(int x) { port[4] = first(x, 0x13579); port[5] = second("a string that all print"); }

void leaf_one(void) { port[8] = 3; port[9] = 0x12345; port[10] = 5; port[11] = 0x23456; port[12] = 1; }
void leaf_two(void) { port[8] = 3; port[9] = 0x12345; port[10] = 5; port[11] = 0x23456; port[13] = 1; }
void leaf_three(void) { port[8] = 3; port[9] = 0x12345; port[10] = 5; port[11] = 0x23456; port[14] = 1; }
