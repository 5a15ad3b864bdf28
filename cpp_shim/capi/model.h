/*===- model.h - C ABI of the core: inference of an exported policy model ---===
 *
 * The same two engines that the compiler uses. Errors are as in session.h:
 * a message in *error, which the caller gives to mlcomp_string_free. One model
 * serves one thread at a time.
 *
 *===-----------------------------------------------------------------------===*/

#ifndef MLCOMP_CAPI_MODEL_H
#define MLCOMP_CAPI_MODEL_H

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct mlcomp_model mlcomp_model;

/**
 * `engine`: "native" or "ort". `ort_library`: path of libonnxruntime, may be
 * null for the native engine. Null and *error on failure.
 */
mlcomp_model *mlcomp_model_load(const char *path, const char *engine, const char *ort_library, char **error);
size_t mlcomp_model_input_size(const mlcomp_model *model);
size_t mlcomp_model_output_size(const mlcomp_model *model);

/** `output` has `output_size` elements. 0 for success, 1 and *error if not. */
int mlcomp_model_run(mlcomp_model *model, const float *input, size_t input_size, float *output,
                     size_t output_size, char **error);
void mlcomp_model_free(mlcomp_model *model);

#ifdef __cplusplus
}
#endif
#endif
