/* The nodes of an expression, from a pool that is emptied line by line: nothing is freed, nothing leaks. */
#include "tree.h"

void tree_clear(Tree *tree, Failure *failure)
{
    tree->used = 0;
    tree->failure = failure;
}

static Node *new_node(Tree *tree, NodeKind kind, int column)
{
    if (tree->used == POCKET_NODES_MAX) {
        fail(tree->failure, column, "this is too long for a pocket");
        tree->used--;
    }
    Node *node = &tree->nodes[tree->used++];
    *node = (Node){.kind = kind, .column = column};
    return node;
}

Node *tree_number(Tree *tree, int column, double number)
{
    Node *node = new_node(tree, NODE_NUMBER, column);
    node->number = number;
    return node;
}

Node *tree_name(Tree *tree, int column, Text name)
{
    Node *node = new_node(tree, NODE_NAME, column);
    node->name = name;
    return node;
}

Node *tree_negate(Tree *tree, int column, Node *operand)
{
    Node *node = new_node(tree, NODE_NEGATE, column);
    tree_argument(tree, node, operand);
    return node;
}

Node *tree_binary(Tree *tree, int column, char operation, Node *left, Node *right)
{
    Node *node = new_node(tree, NODE_BINARY, column);
    node->operation = operation;
    tree_argument(tree, node, left);
    tree_argument(tree, node, right);
    return node;
}

Node *tree_call(Tree *tree, int column, Text name)
{
    Node *node = new_node(tree, NODE_CALL, column);
    node->name = name;
    return node;
}

void tree_argument(Tree *tree, Node *node, Node *argument)
{
    if (node->count == POCKET_ARGUMENTS_MAX)
        fail(tree->failure, argument->column, "too many arguments");
    else
        node->child[node->count++] = argument;
}
