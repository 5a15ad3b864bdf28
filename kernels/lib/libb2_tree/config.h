// config.h - libb2 without any processor-specific code.
