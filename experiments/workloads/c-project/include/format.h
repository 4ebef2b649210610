#ifndef FORMAT_H
#define FORMAT_H

#include "pocket.h"
#include "text.h"

/* Writes a number to POCKET_DIGITS digits, without needless zeros. */
void format_number(double number, Buffer *buffer);

/* Writes a number and its base units: `9.81 m s^-2`. */
void format_value(Value value, Buffer *buffer);

#endif
