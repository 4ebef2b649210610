/* A tree written out again, so that one can see how a line was understood. */
#include "show.h"

#include "format.h"

static void show_arguments(const Node *node, Buffer *buffer)
{
    for (int i = 0; i < node->count; i++) {
        buffer_add(buffer, i == 0 ? "" : ", ");
        show(node->child[i], buffer);
    }
}

void show(const Node *node, Buffer *buffer)
{
    const char operation[] = {' ', node->operation, ' ', '\0'};
    switch (node->kind) {
    case NODE_NUMBER:
        format_number(node->number, buffer);
        break;
    case NODE_NAME:
        buffer_add_text(buffer, node->name);
        break;
    case NODE_NEGATE:
        buffer_add(buffer, "(- ");
        show(node->child[0], buffer);
        buffer_add(buffer, ")");
        break;
    case NODE_BINARY:
        buffer_add(buffer, "(");
        show(node->child[0], buffer);
        buffer_add(buffer, operation);
        show(node->child[1], buffer);
        buffer_add(buffer, ")");
        break;
    case NODE_CALL:
        buffer_add_text(buffer, node->name);
        buffer_add(buffer, "(");
        show_arguments(node, buffer);
        buffer_add(buffer, ")");
        break;
    }
}
