/* Numbers as people write them: 0.5, 1200, 5.972e+24. */
#include "format.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dimension.h"

/* From here on zeros are counted, not written. */
static const double large = 1e9;
static const double small = 1e-6;

/* Takes the needless zeros off a decimal fraction: 0.500 becomes 0.5, and 2.000 becomes 2. */
static void trim_zeros(char *fraction)
{
    size_t length = strlen(fraction);
    if (!strchr(fraction, '.'))
        return;
    while (fraction[length - 1] == '0')
        length--;
    if (fraction[length - 1] == '.')
        length--;
    fraction[length] = '\0';
}

static void write_scientific(double number, Buffer *buffer)
{
    char digits[64];
    snprintf(digits, sizeof digits, "%.*e", POCKET_DIGITS - 1, number);
    char *e = strchr(digits, 'e');
    if (!e) { /* infinity, or not a number */
        buffer_add(buffer, digits);
        return;
    }
    *e = '\0';
    trim_zeros(digits);
    buffer_add(buffer, digits);
    buffer_add(buffer, "e");
    buffer_add(buffer, e + 1);
}

static void write_plain(double number, int digits_before_point, Buffer *buffer)
{
    char digits[64];
    int decimals = POCKET_DIGITS - digits_before_point;
    snprintf(digits, sizeof digits, "%.*f", decimals > 0 ? decimals : 0, number);
    trim_zeros(digits);
    buffer_add(buffer, digits);
}

void format_number(double number, Buffer *buffer)
{
    double size = fabs(number);
    if (size == 0)
        buffer_add(buffer, "0");
    else if (size >= small && size < large)
        write_plain(number, (int)floor(log10(size)) + 1, buffer);
    else
        write_scientific(number, buffer);
}

void format_value(Value value, Buffer *buffer)
{
    format_number(value.number, buffer);
    if (dimension_none(value.dimension))
        return;
    buffer_add(buffer, " ");
    dimension_write(value.dimension, buffer);
}
