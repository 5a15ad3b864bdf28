/*===- session.h - C ABI of the core: a module that actions are applied to ---===
 *
 * One session holds one module with the target machine and the analyses that
 * clang would use for it. Functions that can fail return 0 for success, or 1
 * and a message in *error, which the caller gives to mlcomp_string_free.
 * A process may use sessions from one thread only: LLVM's options are global.
 *
 *===-----------------------------------------------------------------------===*/

#ifndef MLCOMP_CAPI_SESSION_H
#define MLCOMP_CAPI_SESSION_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlcomp_session mlcomp_session;

/** Bytes by section; `end` is 0 measured, 1 crashed, 2 timed out, 3 memory, 4 refused:
    code generation reported an error. */
typedef struct {
  uint64_t text, rodata, data, bss, unwind;
  int32_t end;
} mlcomp_size;

void mlcomp_string_free(char *text);

/** "19.1.7": the LLVM that the core runs on. */
const char *mlcomp_llvm_version(void);
unsigned mlcomp_feature_count(void);
const char *mlcomp_feature_name(unsigned index);

/** Bitcode or textual IR. `level`: one of O1 O2 O3 Os Oz, as given to clang. */
mlcomp_session *mlcomp_session_create(const char *bytes, size_t size, const char *level,
                                      int function_sections, char **error);
mlcomp_session *mlcomp_session_clone(mlcomp_session *session);
void mlcomp_session_free(mlcomp_session *session);

/** Applies one action; options stay in force for this session. */
int mlcomp_session_apply(mlcomp_session *session, const char *action, char **error);
/** Success if the action is known and not banned. */
int mlcomp_session_check(mlcomp_session *session, const char *action, char **error);
int mlcomp_session_verify(mlcomp_session *session, char **error);
/**
 * From now on LLVM's verifier runs after every action, and in new sessions, if
 * `passes` is not 0, after every pass. A broken module makes the candidate fail.
 */
void mlcomp_verify_steps(int passes);
/** `out` has mlcomp_feature_count() elements. */
void mlcomp_session_features(mlcomp_session *session, float *out);
unsigned mlcomp_session_instructions(mlcomp_session *session);
const char *mlcomp_session_triple(mlcomp_session *session);

/** Size of the module as it stands, measured in a child. */
int mlcomp_session_size(mlcomp_session *session, mlcomp_size *out, char **error);

/**
 * Applies a sequence in a child and measures it with `set_count` sets of
 * options. Actions and options are separated by newlines; an empty sequence
 * with no options is clang's own pipeline. `features` (may be null) receives
 * those of the optimised module. The session is unchanged. 0 milliseconds: a
 * limit by the module's size.
 */
int mlcomp_session_try(mlcomp_session *session, const char *sequence, const char *const *option_sets,
                       unsigned set_count, unsigned cpu_milliseconds, mlcomp_size *out, float *features,
                       char **error);

/**
 * The object files that a sequence makes with each of `set_count` option sets,
 * compiled in a child: `objects`, of `sizes` bytes, are freed with
 * mlcomp_string_free. `functions` (likewise) receives a line for each function:
 * what it will execute, as estimated; `features` those of the optimised module.
 * Where a candidate failed, its object is null.
 */
int mlcomp_session_compile(mlcomp_session *session, const char *sequence, const char *const *option_sets,
                           unsigned set_count, unsigned cpu_milliseconds, char **objects, size_t *sizes,
                           char **functions, float *features, char **error);

/** Marks the blocks of the module, so that machine profiles of its candidates can be related. */
void mlcomp_session_insert_probes(mlcomp_session *session);
/**
 * Makes the blocks count how often they run, in the array mlcomp_counts_UNIT.
 * mlcomp_begin_counts and mlcomp_end_counts are called before the marks of a region
 * of interest, mlcomp_end_main before main returns. Gives lines of source counts,
 * all 1, in the order of the array; freed likewise.
 */
char *mlcomp_session_insert_counters(mlcomp_session *session, unsigned unit);
/** How often the blocks run by the module's profile, as lines of source counts; freed likewise. */
char *mlcomp_session_profiled_counts(mlcomp_session *session, unsigned unit);

/** Names of the kinds that machine counts have, in order; null behind the last. */
const char *mlcomp_machine_kind(unsigned index);
/** The same of crossings: what jumps to an instruction that lies in two words. */
const char *mlcomp_crossing_kind(unsigned index);
/**
 * Executions by kind in a program of `unit_count` modules, each given by its
 * functions' lines, then the instructions that there are by kind: twice as many
 * numbers as there are kinds. Behind them crossings by their kinds, NaN where
 * they do not matter: by the linked `program`, if its size is not 0, or else by
 * chance. `known` has source counts that blocks follow, or
 * nothing; `source` receives the program's own, freed with mlcomp_string_free.
 */
int mlcomp_machine_counts(const char *const *units, unsigned unit_count, const char *known,
                          const char *program, size_t program_size, double *out, char **source, char **error);

/** Bitcode or, with `text`, IR; freed with mlcomp_string_free. */
char *mlcomp_session_write(mlcomp_session *session, int text, size_t *size);

/** Sizes of an object file's sections, RISC-V calls as relaxed. */
int mlcomp_object_size(const char *bytes, size_t size, mlcomp_size *out, char **error);

#ifdef __cplusplus
}
#endif
#endif
