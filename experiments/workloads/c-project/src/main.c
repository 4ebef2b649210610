/* pocket: reads lines from standard input, answers each, and counts at the end. */
#include <stdio.h>

#include "session.h"

int main(void)
{
    static Session session;
    char line[POCKET_LINE_MAX];
    while (fgets(line, sizeof line, stdin))
        session_line(&session, text_of(line), stdout);
    printf("# %d answered, %d not\n", session.answered, session.failed);
    return 0;
}
