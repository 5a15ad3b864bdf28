int first(int *p, int n) {
  int s = 0;
  for (int i = 0; i < n; i++)
    s += p[i] * (p[i] ^ n) + (s >> 3);
  return s / n;
}
int second(int *p, int n) {
  int s = 0;
  for (int i = 0; i < n; i++)
    s += p[i] * (p[i] ^ n) + (s >> 3);
  return s / n;
}
