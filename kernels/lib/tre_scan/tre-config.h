// tre-config.h - what of TRE's configuration its users see.

#define HAVE_SYS_TYPES_H 1
#define TRE_APPROX 1
#define TRE_REGEX_T_FIELD value
