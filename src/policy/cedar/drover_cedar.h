/* The C interface of the Cedar engine (src/lib.rs). Texts are UTF-8 with their size; a text that is
   handed back belongs to the caller and goes with drover_cedar_free_text. Nothing throws. */
#pragma once

#include <stddef.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct drover_cedar drover_cedar;

/* Parses and validates; a rule that can never apply is a fault, and so is a template. NULL on
   failure; *faults is then [{"line", "column", "message"}], by place, 1-based, 0 where the place is
   not known. */
drover_cedar* drover_cedar_load(const char* policies, size_t policies_size, const char* schema,
                                size_t schema_size, char** faults);
/* 1 allowed, 0 denied, -1 the request was wrong. *reasons is {"policies": […], "errors": […]}. May
   be called by any thread. */
int drover_cedar_decide(const drover_cedar* loaded, const char* request, size_t size,
                        char** reasons);
void drover_cedar_free(drover_cedar* loaded);
void drover_cedar_free_text(char* text);

#ifdef __cplusplus
}
#endif
