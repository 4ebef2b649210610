/* A line of text, cut into tokens one at a time. */
#include "lexer.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

Lexer lexer_of(Text line)
{
    return (Lexer){line, 0};
}

/* The character `ahead` of where we are; after the end there are only zeros. */
static int peek(const Lexer *lexer, size_t ahead)
{
    size_t position = lexer->position + ahead;
    return position < lexer->line.length ? (unsigned char)lexer->line.start[position] : 0;
}

static size_t digits(const Lexer *lexer, size_t length)
{
    while (isdigit(peek(lexer, length)))
        length++;
    return length;
}

/* 12, 12.5, .5, 6e24, 1.6e-19. An `e` that no digit follows begins a name. */
static size_t number_length(const Lexer *lexer)
{
    size_t length = digits(lexer, 0);
    if (peek(lexer, length) == '.')
        length = digits(lexer, length + 1);
    if (peek(lexer, length) == 'e') {
        size_t exponent = length + 1;
        if (peek(lexer, exponent) == '-' || peek(lexer, exponent) == '+')
            exponent++;
        if (isdigit(peek(lexer, exponent)))
            length = digits(lexer, exponent);
    }
    return length;
}

static size_t name_length(const Lexer *lexer)
{
    size_t length = 1;
    while (isalnum(peek(lexer, length)) || peek(lexer, length) == '_')
        length++;
    return length;
}

static double number_of(Text text)
{
    char copy[POCKET_LINE_MAX];
    size_t length = text.length < sizeof copy - 1 ? text.length : sizeof copy - 1;
    memcpy(copy, text.start, length);
    copy[length] = '\0';
    return strtod(copy, NULL);
}

Token lexer_next(Lexer *lexer, Failure *failure)
{
    while (isspace(peek(lexer, 0)))
        lexer->position++;

    Token token = {TOKEN_END, {lexer->line.start + lexer->position, 1}, (int)lexer->position + 1, 0};
    int first = peek(lexer, 0);
    if (first == 0) {
        token.text.length = 0;
    } else if (isdigit(first) || (first == '.' && isdigit(peek(lexer, 1)))) {
        token.kind = TOKEN_NUMBER;
        token.text.length = number_length(lexer);
        token.number = number_of(token.text);
    } else if (isalpha(first)) {
        token.kind = TOKEN_NAME;
        token.text.length = name_length(lexer);
    } else if (strchr("+-*/^(),=", first)) {
        token.kind = TOKEN_SIGN;
    } else {
        token.kind = TOKEN_BAD;
        fail_about(failure, token.column, "cannot read", token.text);
    }
    lexer->position += token.text.length;
    return token;
}
