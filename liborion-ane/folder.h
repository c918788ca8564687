/* SPDX-License-Identifier: MIT */
/* Folders with the files of models, which Apple's compilers read. */
#ifndef ANE_FOLDER_H
#define ANE_FOLDER_H

#include "util/util.h"
#include <orion/ane.h>

/* Write model.mil and the weight files that belong to it into a folder, making what is not there.
 * ORION_ERROR_IO; ORION_ERROR_INVALID_ARGUMENT for a weight file that is not below @model_path/.
 * On failure the folder is removed. */
orion_status ane_folder_write(const char *path, const orion_ane_source *source,
                              const orion_allocator *a, orion_diag *diag);
/* Remove a folder and all that is in it; nothing happens if it is not there. */
void ane_folder_remove(const char *path);
/* An empty folder of our own for temporary files. orn_free(path, strlen(path) + 1) it. */
orion_status ane_folder_make(const orion_allocator *a, orion_diag *diag, char **out_path);

#endif
