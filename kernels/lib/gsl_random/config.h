// config.h - the kernel's GSL: functions of its headers are compiled once, not inline.

#define HAVE_DECL_ISNAN 1
#define HAVE_DECL_ISINF 1
#define HAVE_DECL_FINITE 1
#define HAVE_DECL_ISFINITE 1
#define HAVE_DECL_EXPM1 1
#define HAVE_DECL_LOG1P 1
#define HAVE_DECL_HYPOT 1
#define HAVE_DECL_LDEXP 1
#define HAVE_DECL_FREXP 1
#define RELEASED 1
#define GSL_DISABLE_DEPRECATED 1
#define RETURN_IF_NULL(x)                                                                                    \
  if (!x) {                                                                                                  \
    return;                                                                                                  \
  }
#define GSL_COERCE_DBL(x) (x)
