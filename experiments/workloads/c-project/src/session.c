/* One line in, its answer out. */
#include "session.h"

#include "evaluate.h"
#include "format.h"
#include "help.h"
#include "parser.h"
#include "show.h"

static void list_variables(const Session *session, FILE *output)
{
    for (int i = 0; i < session->variables.count; i++) {
        const Variable *variable = &session->variables.variable[i];
        Buffer answer;
        buffer_clear(&answer);
        format_value(variable->value, &answer);
        fprintf(output, "%s = %s\n", variable->name, answer.bytes);
    }
}

static void remember(Session *session, Statement statement, Value value, Failure *failure)
{
    bool kept = variables_set(&session->variables, text_of("last"), value);
    if (kept && statement.name.length > 0)
        kept = variables_set(&session->variables, statement.name, value);
    if (!kept)
        fail_about(failure, 1, "cannot remember", statement.name);
}

/* Writes the statement's answer; what is written does not count if there is a failure. */
static void answer_statement(Session *session, Statement statement, Buffer *answer, Failure *failure)
{
    Value value = evaluate(statement.value, &session->variables, failure);
    if (statement.unit && !failure->happened) {
        Value unit = evaluate(statement.unit, &session->variables, failure);
        format_number(convert(value, unit, statement.unit->column, failure), answer);
        buffer_add(answer, " ");
        buffer_add_text(answer, statement.unit_text);
    } else {
        format_value(value, answer);
    }
    if (!failure->happened)
        remember(session, statement, value, failure);
}

static void answer_line(Session *session, Text line, bool only_show, FILE *output)
{
    Failure failure = {0};
    Buffer answer;
    buffer_clear(&answer);
    tree_clear(&session->tree, &failure);

    Statement statement = parse(line, &session->tree, &failure);
    if (statement.value && only_show)
        show(statement.value, &answer);
    else if (statement.value)
        answer_statement(session, statement, &answer, &failure);

    if (failure.happened) {
        session->failed++;
        fprintf(output, "column %d: %s\n", failure.column, failure.message);
    } else {
        session->answered++;
        fprintf(output, "%s\n", answer.bytes);
    }
}

void session_line(Session *session, Text line, FILE *output)
{
    line = text_trim(line);
    if (line.length == 0 || line.start[0] == '#')
        fprintf(output, "%.*s\n", (int)line.length, line.start);
    else if (text_equal(line, ":units"))
        help_units(output);
    else if (text_equal(line, ":variables"))
        list_variables(session, output);
    else if (line.start[0] == '?')
        answer_line(session, (Text){line.start + 1, line.length - 1}, true, output);
    else
        answer_line(session, line, false, output);
}
