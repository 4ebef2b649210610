#ifndef SESSION_H
#define SESSION_H

#include <stdio.h>

#include "failure.h"
#include "tree.h"
#include "variables.h"

typedef struct {
    Variables variables;
    Tree tree;
    int answered;
    int failed;
} Session;

/* Answers one line:
 *
 *     # anything       copied, like an empty line
 *     :units           every unit
 *     :variables       every variable
 *     ? 1 + 2 * 3      how the line is understood
 *     2 km to mile     its value, kept as `last` */
void session_line(Session *session, Text line, FILE *output);

#endif
