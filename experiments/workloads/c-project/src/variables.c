/* What a session remembers: a short list, searched from the front. */
#include "variables.h"

#include <string.h>

const Value *variables_get(const Variables *variables, Text name)
{
    for (int i = 0; i < variables->count; i++)
        if (text_equal(name, variables->variable[i].name))
            return &variables->variable[i].value;
    return NULL;
}

bool variables_set(Variables *variables, Text name, Value value)
{
    for (int i = 0; i < variables->count; i++) {
        if (text_equal(name, variables->variable[i].name)) {
            variables->variable[i].value = value;
            return true;
        }
    }
    if (variables->count == POCKET_VARIABLES_MAX || name.length >= POCKET_NAME_MAX)
        return false;
    Variable *added = &variables->variable[variables->count++];
    memcpy(added->name, name.start, name.length);
    added->name[name.length] = '\0';
    added->value = value;
    return true;
}
