/* Runs a program whose disk is slow: its fsync() waits as long as a file exists.
 *
 *   holdsync FILE PROGRAM [ARGUMENT]...
 *
 * The kernel hands each fsync() to this process (seccomp, user notification),
 * which lets it go on once FILE is not there.  The program itself is as it is.
 * Ends as the program does, and passes SIGTERM and SIGHUP on. */
#include <config.h>

#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define LOOK_MS 5

static pid_t child;

static void
die(const char *what)
{
    perror(what);
    _exit(127);
}

/* Returns the descriptor on which fsync() of this process, and of what it
 * executes, is reported. */
static int
install_filter(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_fsync, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_USER_NOTIF),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = { sizeof code / sizeof *code, code };

    if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) {
        die("prctl");
    }
    return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER,
                   SECCOMP_FILTER_FLAG_NEW_LISTENER, &program);
}

static void
send_fd(int sock, int fd)
{
    char control[CMSG_SPACE(sizeof fd)] = "";
    char byte = 0;
    struct iovec iov = { &byte, 1 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control, .msg_controllen = sizeof control,
    };
    struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);

    cmsg->cmsg_level = SOL_SOCKET;
    cmsg->cmsg_type = SCM_RIGHTS;
    cmsg->cmsg_len = CMSG_LEN(sizeof fd);
    memcpy(CMSG_DATA(cmsg), &fd, sizeof fd);
    if (sendmsg(sock, &msg, 0) < 0) {
        die("sendmsg");
    }
}

static int
receive_fd(int sock)
{
    char control[CMSG_SPACE(sizeof(int))];
    char byte;
    struct iovec iov = { &byte, 1 };
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1,
        .msg_control = control, .msg_controllen = sizeof control,
    };
    int fd;

    if (recvmsg(sock, &msg, MSG_CMSG_CLOEXEC) <= 0 || !CMSG_FIRSTHDR(&msg)) {
        die("recvmsg");
    }
    memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof fd);
    return fd;
}

static void
pass_on(int signo)
{
    kill(child, signo);
}

/* Waits while 'file' is there, then lets one fsync() go on. */
static void
answer(int listener, const char *file)
{
    struct seccomp_notif call;
    struct seccomp_notif_resp reply;

    memset(&call, 0, sizeof call);
    if (ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, &call)) {
        return;                 /* It has died, or a signal has come. */
    }
    while (!access(file, F_OK)
           && !ioctl(listener, SECCOMP_IOCTL_NOTIF_ID_VALID, &call.id)) {
        usleep(LOOK_MS * 1000);
    }
    memset(&reply, 0, sizeof reply);
    reply.id = call.id;
    reply.flags = SECCOMP_USER_NOTIF_FLAG_CONTINUE;
    ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, &reply);
}

int
main(int argc, char *argv[])
{
    int socks[2], status, listener;

    if (argc < 3 || socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
                               socks)) {
        die("usage: holdsync FILE PROGRAM [ARGUMENT]...");
    }
    child = fork();
    if (!child) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        listener = install_filter();
        if (listener < 0) {
            die("seccomp");
        }
        send_fd(socks[1], listener);
        close(listener);
        execv(argv[2], argv + 2);
        die(argv[2]);
    }
    signal(SIGTERM, pass_on);
    signal(SIGHUP, pass_on);
    listener = receive_fd(socks[0]);
    while (waitpid(child, &status, WNOHANG) != child) {
        struct pollfd pfd = { .fd = listener, .events = POLLIN };

        if (poll(&pfd, 1, LOOK_MS) > 0 && pfd.revents & POLLIN) {
            answer(listener, argv[1]);
        }
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
