/* Pieces of strings, and strings put together from pieces. */
#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

Text text_of(const char *string)
{
    return (Text){string, strlen(string)};
}

Text text_trim(Text text)
{
    while (text.length > 0 && isspace((unsigned char)text.start[0])) {
        text.start++;
        text.length--;
    }
    while (text.length > 0 && isspace((unsigned char)text.start[text.length - 1]))
        text.length--;
    return text;
}

int text_compare(Text text, const char *string)
{
    size_t length = strlen(string);
    size_t common = text.length < length ? text.length : length;
    int order = memcmp(text.start, string, common);
    if (order != 0)
        return order;
    return (text.length > length) - (text.length < length);
}

bool text_equal(Text text, const char *string)
{
    return text_compare(text, string) == 0;
}

void buffer_clear(Buffer *buffer)
{
    buffer->length = 0;
    buffer->bytes[0] = '\0';
}

void buffer_add_text(Buffer *buffer, Text text)
{
    size_t room = sizeof buffer->bytes - 1 - buffer->length;
    size_t length = text.length < room ? text.length : room;
    memcpy(buffer->bytes + buffer->length, text.start, length);
    buffer->length += length;
    buffer->bytes[buffer->length] = '\0';
}

void buffer_add(Buffer *buffer, const char *string)
{
    buffer_add_text(buffer, text_of(string));
}

void buffer_add_int(Buffer *buffer, int number)
{
    char digits[16];
    snprintf(digits, sizeof digits, "%d", number);
    buffer_add(buffer, digits);
}
