/* Whole files.  See store_file.h. */
#include <config.h>

#include "controller/store/store_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int (*store_file_sync)(int fd) = fsync;

static int
write_all(int fd, const char *data, size_t len)
{
    while (len) {
        ssize_t n = write(fd, data, len);

        if (n < 0 && errno != EINTR) {
            return errno;
        } else if (n > 0) {
            data += n;
            len -= n;
        }
    }
    return 0;
}

/* Puts 'data' on disk as 'name'.  Returns 0 or an errno. */
static int
write_temp(int dir_fd, const char *name, const char *data, size_t len)
{
    int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
                    | O_NOFOLLOW, 0640);
    int error;

    if (fd < 0) {
        return errno;
    }
    error = fchmod(fd, 0640) ? errno : 0;
    if (!error) {
        error = write_all(fd, data, len);
    }
    if (!error && store_file_sync(fd)) {
        error = errno;
    }
    if (close(fd) && !error) {
        error = errno;
    }
    return error;
}

int
store_file_replace(int dir_fd, const char *name, const char *temp,
                   const char *data, size_t len)
{
    int error = write_temp(dir_fd, temp, data, len);

    if (!error && renameat(dir_fd, temp, dir_fd, name)) {
        error = errno;
    }
    if (error) {
        unlinkat(dir_fd, temp, 0);
        return error;
    }
    /* Until the directory is on disk too, a power cut may bring back the old
     * file, whole. */
    return store_file_sync(dir_fd) ? errno : 0;
}

int
store_file_read(int dir_fd, const char *name, struct fh_buf *text)
{
    int fd = openat(dir_fd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW
                    | O_NONBLOCK);
    int error = 0;

    if (fd < 0) {
        return errno;
    }
    while (!error) {
        char chunk[16384];
        ssize_t n = read(fd, chunk, sizeof chunk);

        if (!n) {
            break;
        } else if (n < 0) {
            error = errno == EINTR ? 0 : errno;
        } else if (text->len + n > STORE_FILE_MAX) {
            error = EFBIG;
        } else {
            fh_buf_append(text, chunk, n);
        }
    }
    close(fd);
    return error;
}
