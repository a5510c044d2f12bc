dnl What configure asks about the compiler and the libraries.

dnl FH_CC_OPTION(OPTION): appends OPTION to WARNING_CFLAGS where the compiler
dnl knows it.
AC_DEFUN([FH_CC_OPTION],
  [AS_VAR_PUSHDEF([known], [fh_cv_cc_$1])
   AC_CACHE_CHECK([whether $CC accepts $1], [known],
     [fh_save_CFLAGS=$CFLAGS
      CFLAGS="$CFLAGS -Werror $1"
      AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
        [AS_VAR_SET([known], [yes])], [AS_VAR_SET([known], [no])])
      CFLAGS=$fh_save_CFLAGS])
   AS_VAR_IF([known], [yes], [WARNING_CFLAGS="$WARNING_CFLAGS $1"])
   AS_VAR_POPDEF([known])])

AC_DEFUN([FH_ARG_WARNINGS],
  [AC_ARG_ENABLE([Werror],
     [AS_HELP_STRING([--enable-Werror], [make warnings errors])],
     [], [enable_Werror=no])
   WARNING_CFLAGS=
   m4_foreach_w([option],
     [-Wall
      -Wextra
      -Wno-unused-parameter
      -Wno-sign-compare
      -Wformat
      -Wpointer-arith
      -Wcast-align
      -Wstrict-prototypes
      -Wold-style-definition
      -Wmissing-prototypes
      -Wmissing-field-initializers
      -Wno-missing-field-initializers
      -Wswitch-bool
      -Wlogical-not-parentheses
      -Wbool-compare
      -Wshadow],
     [FH_CC_OPTION(option)])
   AS_IF([test "$enable_Werror" = yes],
     [WARNING_CFLAGS="$WARNING_CFLAGS -Werror"])
   AC_SUBST([WARNING_CFLAGS])])

AC_DEFUN([FH_ARG_SANITIZERS],
  [AC_ARG_ENABLE([sanitizers],
     [AS_HELP_STRING([--enable-sanitizers],
        [find memory errors, leaks and undefined behaviour while running])],
     [], [enable_sanitizers=no])
   SANITIZER_CFLAGS=
   AS_IF([test "$enable_sanitizers" = yes],
     [SANITIZER_CFLAGS="-fsanitize=address,undefined dnl
-fno-sanitize-recover=all -fno-omit-frame-pointer"])
   AC_SUBST([SANITIZER_CFLAGS])])

dnl With libFuzzer the fuzz targets search for new inputs; without it they
dnl replay the kept ones and mutations of these.
AC_DEFUN([FH_ARG_LIBFUZZER],
  [AC_ARG_ENABLE([libfuzzer],
     [AS_HELP_STRING([--enable-libfuzzer],
        [link the fuzz targets with libFuzzer (clang only)])],
     [], [enable_libfuzzer=no])
   LIBFUZZER_CFLAGS=
   LIBFUZZER_LIBS=
   AS_IF([test "$enable_libfuzzer" = yes],
     [LIBFUZZER_CFLAGS=-fsanitize=fuzzer-no-link
      LIBFUZZER_LIBS=-fsanitize=fuzzer])
   AC_SUBST([LIBFUZZER_CFLAGS])
   AC_SUBST([LIBFUZZER_LIBS])
   AM_CONDITIONAL([LIBFUZZER], [test "$enable_libfuzzer" = yes])])

dnl FH_CHECK_LIBRARY(VARIABLE, HEADER, LIBRARY, FUNCTION, DEBIAN-PACKAGE)
AC_DEFUN([FH_CHECK_LIBRARY],
  [AC_CHECK_HEADER([$2],
     [AC_CHECK_LIB([$3], [$4], [$1_LIBS=-l$3],
        [fh_missing="$fh_missing $5"])],
     [fh_missing="$fh_missing $5"])
   AC_SUBST([$1_LIBS])])

dnl Sets OPENVSWITCH_CPPFLAGS and OPENVSWITCH_LIBS, from --with-openvswitch,
dnl else the cache of build-aux/build-openvswitch, else the system.
AC_DEFUN([FH_CHECK_OPENVSWITCH],
  [AC_ARG_WITH([openvswitch],
     [AS_HELP_STRING([--with-openvswitch=PREFIX],
        [where libopenvswitch is [what setup.sh built, or the system]])],
     [], [with_openvswitch=no])
   AS_IF([test "$with_openvswitch" = no || test "$with_openvswitch" = yes],
     [with_openvswitch=`"$srcdir/build-aux/build-openvswitch" --print-prefix`
      test -e "$with_openvswitch/lib/libopenvswitch.a" || with_openvswitch=])
   AS_IF([test -n "$with_openvswitch"],
     [OPENVSWITCH_CPPFLAGS="-isystem $with_openvswitch/include"
      OPENVSWITCH_LIBS="-L$with_openvswitch/lib"])
   # What build-openvswitch leaves out is called by functions that nobody
   # calls.  A whole library's avx512 archive and the main one need each other.
   fh_avx512="-lopenvswitchavx512 -lopenvswitch"
   AS_IF([test -n "$with_openvswitch" &&
          test ! -e "$with_openvswitch/lib/libopenvswitchavx512.a"],
     [fh_avx512=])
   OPENVSWITCH_LIBS="-Wl,--gc-sections $OPENVSWITCH_LIBS -lopenvswitch"
   OPENVSWITCH_LIBS="$OPENVSWITCH_LIBS $fh_avx512 -latomic -lm -lpthread"
   fh_openvswitch=${with_openvswitch:-system}
   fh_save_CPPFLAGS=$CPPFLAGS
   fh_save_LIBS=$LIBS
   CPPFLAGS="$CPPFLAGS $OPENVSWITCH_CPPFLAGS"
   LIBS="$OPENVSWITCH_LIBS $LIBS"
   AC_MSG_CHECKING([for libopenvswitch ($fh_openvswitch)])
   AC_LINK_IFELSE(
     [AC_LANG_PROGRAM([[#include <openvswitch/ofp-msgs.h>]],
                      [[ofpmsg_update_length(0);]])],
     [AC_MSG_RESULT([yes])
      FH_CHECK_OPENVSWITCH_RENAMED],
     [AC_MSG_RESULT([no])
      fh_problem="libopenvswitch: run ./setup.sh, which builds it from dnl
Debian's package openvswitch-source"])
   CPPFLAGS=$fh_save_CPPFLAGS
   LIBS=$fh_save_LIBS
   AC_SUBST([OPENVSWITCH_CPPFLAGS])
   AC_SUBST([OPENVSWITCH_LIBS])])

AC_DEFUN([FH_CHECK_OPENVSWITCH_RENAMED],
  [AC_MSG_CHECKING([whether its symbols keep clear of jansson's])
   AC_LINK_IFELSE(
     [AC_LANG_PROGRAM([[void *ovs_json_object(void *);]],
                      [[return !ovs_json_object(0);]])],
     [AC_MSG_RESULT([yes])],
     [AC_MSG_RESULT([no])
      fh_problem="libopenvswitch: json_object() and others are also dnl
jansson's; use the one that ./setup.sh builds"])])

dnl Only the tests need cmocka.
AC_DEFUN([FH_CHECK_CMOCKA],
  [fh_cmocka=no
   AC_CHECK_HEADER([cmocka.h],
     [AC_CHECK_LIB([cmocka], [_cmocka_run_group_tests],
        [CMOCKA_LIBS=-lcmocka fh_cmocka=yes])],
     [],
     [[#include <stdarg.h>
       #include <stddef.h>
       #include <stdint.h>
       #include <setjmp.h>]])
   AS_IF([test "$fh_cmocka" = no],
     [fh_cmocka="no, for want of libcmocka-dev"])
   AC_SUBST([CMOCKA_LIBS])
   AM_CONDITIONAL([HAVE_CMOCKA], [test -n "$CMOCKA_LIBS"])])

AC_DEFUN([FH_REPORT_MISSING],
  [AS_IF([test -n "$fh_missing$fh_problem"],
     [AC_MSG_NOTICE([what is missing:])
      for fh_package in $fh_missing; do
        AC_MSG_NOTICE([  Debian package $fh_package])
      done
      AS_IF([test -n "$fh_problem"], [AC_MSG_NOTICE([  $fh_problem])])
      AS_IF([test -n "$fh_missing"],
        [AC_MSG_NOTICE([install with: apt-get install$fh_missing])])
      AC_MSG_ERROR([cannot build; ./setup.sh provides all that is needed])])])
