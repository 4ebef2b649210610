#ifndef PARSER_H
#define PARSER_H

#include "tree.h"

/* A line that was understood: `name = value to unit`. */
typedef struct {
    Text name;       /* empty where nothing is assigned */
    Node *value;     /* NULL after a failure */
    Node *unit;      /* NULL where nothing is converted */
    Text unit_text;  /* the unit as it was written, for the answer */
} Statement;

Statement parse(Text line, Tree *tree, Failure *failure);

#endif
