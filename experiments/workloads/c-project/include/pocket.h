/* pocket: a calculator that knows its units.
 *
 * The one header that every source includes: the limits, and the three types all the others speak of. */
#ifndef POCKET_H
#define POCKET_H

#include <stdbool.h>
#include <stddef.h>

#define POCKET_DIGITS 8         /* significant digits in an answer */
#define POCKET_LINE_MAX 256     /* bytes in a line of input, its end included */
#define POCKET_NAME_MAX 24      /* bytes in a variable's name, its end included */
#define POCKET_VARIABLES_MAX 64 /* variables in a session */
#define POCKET_NODES_MAX 256    /* nodes in the tree of one line */
#define POCKET_ARGUMENTS_MAX 8  /* arguments in a call */

/* The base quantities. Everything else is a product of their powers. */
enum { LENGTH, MASS, TIME, DATA, BASE_COUNT };

/* What is measured: the exponent of each base quantity. A speed is {1, 0, -1, 0}. */
typedef struct {
    int exponent[BASE_COUNT];
} Dimension;

/* How much of it: a number counted in metres, kilograms, seconds and bytes. */
typedef struct {
    double number;
    Dimension dimension;
} Value;

/* What went wrong first on this line, and in which column. */
typedef struct {
    bool happened;
    int column;
    char message[96];
} Failure;

#endif
