#ifndef SHOW_H
#define SHOW_H

#include "tree.h"

/* Writes the expression with every parenthesis: `? 1 + 2 * 3` answers `(1 + (2 * 3))`. */
void show(const Node *node, Buffer *buffer);

#endif
