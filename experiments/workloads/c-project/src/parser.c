/* Recursive descent, one function a rule:
 *
 *     statement = [ name "=" ] sum [ "to" sum ]
 *     sum       = product { ("+" | "-") product }
 *     product   = factor { ("*" | "/") factor }
 *     factor    = "-" factor | power
 *     power     = primary [ "^" factor ]
 *     primary   = number [ unit [ "^" factor ] ] | name | name "(" [ sum { "," sum } ] ")" | "(" sum ")"
 *
 * A number and its unit are one thing: `60 km / 2 h` is (60 km) / (2 h). */
#include "parser.h"

#include "lexer.h"

#define DEPTH_MAX 64

typedef struct {
    Lexer lexer;
    Token token; /* the one to look at next */
    Tree *tree;
    Failure *failure;
    int depth;
} Parser;

static Node *sum(Parser *parser);
static Node *factor(Parser *parser);

static void advance(Parser *parser)
{
    parser->token = lexer_next(&parser->lexer, parser->failure);
}

static bool at(const Parser *parser, TokenKind kind, const char *text)
{
    return parser->token.kind == kind && text_equal(parser->token.text, text);
}

static bool accept(Parser *parser, const char *sign)
{
    if (!at(parser, TOKEN_SIGN, sign))
        return false;
    advance(parser);
    return true;
}

static void expect(Parser *parser, const char *sign, const char *otherwise)
{
    if (!accept(parser, sign))
        fail(parser->failure, parser->token.column, otherwise);
}

static Node *raised(Parser *parser, Node *base)
{
    int column = parser->token.column;
    return accept(parser, "^") ? tree_binary(parser->tree, column, '^', base, factor(parser)) : base;
}

static Node *quantity(Parser *parser)
{
    Node *number = tree_number(parser->tree, parser->token.column, parser->token.number);
    advance(parser);
    if (parser->token.kind != TOKEN_NAME || text_equal(parser->token.text, "to"))
        return number;
    int column = parser->token.column;
    Node *unit = tree_name(parser->tree, column, parser->token.text);
    advance(parser);
    return tree_binary(parser->tree, column, '*', number, raised(parser, unit));
}

static Node *name_or_call(Parser *parser)
{
    Token name = parser->token;
    advance(parser);
    if (!accept(parser, "("))
        return tree_name(parser->tree, name.column, name.text);
    Node *call = tree_call(parser->tree, name.column, name.text);
    if (accept(parser, ")"))
        return call;
    do
        tree_argument(parser->tree, call, sum(parser));
    while (accept(parser, ","));
    expect(parser, ")", "expected ')' after the arguments");
    return call;
}

static Node *primary(Parser *parser)
{
    if (parser->token.kind == TOKEN_NUMBER)
        return quantity(parser);
    if (parser->token.kind == TOKEN_NAME)
        return name_or_call(parser);
    if (accept(parser, "(")) {
        Node *inside = sum(parser);
        expect(parser, ")", "expected ')'");
        return inside;
    }
    fail(parser->failure, parser->token.column, "expected a number, a name or '('");
    return tree_number(parser->tree, parser->token.column, 0);
}

/* Everything that nests comes through here, so here is where depth is counted. */
static Node *factor(Parser *parser)
{
    int column = parser->token.column;
    if (parser->depth == DEPTH_MAX) {
        fail(parser->failure, column, "nested too deeply");
        return tree_number(parser->tree, column, 0);
    }
    parser->depth++;
    Node *node = accept(parser, "-") ? tree_negate(parser->tree, column, factor(parser))
                                     : raised(parser, primary(parser));
    parser->depth--;
    return node;
}

static Node *product(Parser *parser)
{
    Node *left = factor(parser);
    while (at(parser, TOKEN_SIGN, "*") || at(parser, TOKEN_SIGN, "/")) {
        Token sign = parser->token;
        advance(parser);
        left = tree_binary(parser->tree, sign.column, sign.text.start[0], left, factor(parser));
    }
    return left;
}

static Node *sum(Parser *parser)
{
    Node *left = product(parser);
    while (at(parser, TOKEN_SIGN, "+") || at(parser, TOKEN_SIGN, "-")) {
        Token sign = parser->token;
        advance(parser);
        left = tree_binary(parser->tree, sign.column, sign.text.start[0], left, product(parser));
    }
    return left;
}

/* Reads `name =` if the line begins with it; otherwise goes back to where it stood. */
static Text asfactorname(Parser *parser)
{
    Parser before = *parser;
    Text name = parser->token.text;
    if (parser->token.kind == TOKEN_NAME) {
        advance(parser);
        if (accept(parser, "="))
            return name;
    }
    *parser = before;
    return (Text){name.start, 0};
}

Statement parse(Text line, Tree *tree, Failure *failure)
{
    Parser parser = {.lexer = lexer_of(line), .tree = tree, .failure = failure};
    advance(&parser);

    Statement statement = {.name = asfactorname(&parser)};
    statement.value = sum(&parser);
    if (at(&parser, TOKEN_NAME, "to")) {
        advance(&parser);
        const char *start = parser.token.text.start;
        statement.unit = sum(&parser);
        statement.unit_text = text_trim((Text){start, (size_t)(parser.token.text.start - start)});
    }
    if (parser.token.kind != TOKEN_END)
        fail_about(failure, parser.token.column, "did not expect", parser.token.text);
    if (failure->happened)
        statement.value = NULL;
    return statement;
}
