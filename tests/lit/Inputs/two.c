int table[16];
static int twice(int x) { return x * 2 + 1; }
static int again(int x) { return x * 2 + 1; }
int sum(int n) {
  int s = 0;
  for (int i = 0; i < n; i++)
    s += table[i & 15] * twice(i) + again(n);
  return s;
}
