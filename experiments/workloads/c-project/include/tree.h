#ifndef TREE_H
#define TREE_H

#include "failure.h"
#include "pocket.h"
#include "text.h"

typedef enum { NODE_NUMBER, NODE_NAME, NODE_NEGATE, NODE_BINARY, NODE_CALL } NodeKind;

typedef struct Node Node;
struct Node {
    NodeKind kind;
    int column;     /* where to point at when it fails */
    char operation; /* of a NODE_BINARY: + - * / ^ */
    double number;  /* of a NODE_NUMBER */
    Text name;      /* of a NODE_NAME or NODE_CALL */
    int count;      /* of children */
    Node *child[POCKET_ARGUMENTS_MAX];
};

/* Room for the nodes of one line. They live until the next `tree_clear`. */
typedef struct {
    Node nodes[POCKET_NODES_MAX];
    int used;
    Failure *failure;
} Tree;

/* Each returns a node, never NULL: out of room, it notes a failure and hands out the last node again. */
void tree_clear(Tree *tree, Failure *failure);
Node *tree_number(Tree *tree, int column, double number);
Node *tree_name(Tree *tree, int column, Text name);
Node *tree_negate(Tree *tree, int column, Node *operand);
Node *tree_binary(Tree *tree, int column, char operation, Node *left, Node *right);
Node *tree_call(Tree *tree, int column, Text name);
void tree_argument(Tree *tree, Node *call, Node *argument);

#endif
