#ifndef TEXT_H
#define TEXT_H

#include "pocket.h"

/* A piece of somebody else's string. */
typedef struct {
    const char *start;
    size_t length;
} Text;

Text text_of(const char *string);
Text text_trim(Text text);
bool text_equal(Text text, const char *string);
int text_compare(Text text, const char *string); /* as strcmp does */

/* A line being written. What does not fit is cut off. */
typedef struct {
    char bytes[1024];
    size_t length;
} Buffer;

void buffer_clear(Buffer *buffer);
void buffer_add(Buffer *buffer, const char *string);
void buffer_add_text(Buffer *buffer, Text text);
void buffer_add_int(Buffer *buffer, int number);

#endif
