#ifndef LEXER_H
#define LEXER_H

#include "failure.h"
#include "pocket.h"
#include "text.h"

typedef enum {
    TOKEN_END,
    TOKEN_NUMBER,
    TOKEN_NAME,
    TOKEN_SIGN, /* one character: + - * / ^ ( ) , = */
    TOKEN_BAD,
} TokenKind;

typedef struct {
    TokenKind kind;
    Text text;
    int column;    /* counted from 1 */
    double number; /* of a TOKEN_NUMBER */
} Token;

typedef struct {
    Text line;
    size_t position;
} Lexer;

Lexer lexer_of(Text line);
Token lexer_next(Lexer *lexer, Failure *failure);

#endif
