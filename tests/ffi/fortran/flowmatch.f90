! flowmatch.f90 - part of flowmatch.h as a Fortran module by iso_c_binding, to start from
!
! A handle is a type(c_ptr). Arrays are Fortran's own, column-major: x(dim, n) here is float [n][dim] there.
! Options structs are derived types whose default values are the library's defaults; names are those of the
! header.
module flowmatch
  use, intrinsic :: iso_c_binding
  implicit none

  integer(c_int32_t), parameter :: FM_OK = 0, FM_E_INVALID = -1, FM_E_NONFINITE = -5, FM_E_CALLBACK = -6, &
                                   FM_E_IO = -7

  type, bind(c) :: fm_net_options
    integer(c_int64_t) :: struct_size = 48
    integer(c_int32_t) :: kind = 0, activation = 0, width = 0, depth = 0, time_features = 0, &
                          class_features = 0
    real(c_double) :: dropout = 0
    integer(c_int64_t) :: n_times = 0
  end type

  type, bind(c) :: fm_optimizer_options
    integer(c_int64_t) :: struct_size = 104
    integer(c_int32_t) :: kind = 0, schedule = 0
    real(c_double) :: learning_rate = 0, beta1 = 0, beta2 = 0, epsilon = 0, weight_decay = 0, clip_norm = 0, &
                      final_fraction = 0
    integer(c_int64_t) :: warmup_steps = 0, n_steps = 0
    real(c_double) :: plateau_factor = 0
    integer(c_int64_t) :: plateau_patience = 0
  end type

  ! The fields up to the last one that is needed: the struct says its size, and what is beyond has its
  ! default.
  type, bind(c) :: fm_trainer_options
    integer(c_int64_t) :: struct_size = 72
    integer(c_int64_t) :: seed = 0, batch = 0, publish_every = 0, n_snapshots = 0
    real(c_double) :: ema_decay = 0, label_dropout = 0
    type(c_funptr) :: progress = c_null_funptr
    type(c_ptr) :: progress_user = c_null_ptr
  end type

  ! Owned by the library, and read up to what is needed.
  type, bind(c) :: fm_progress
    integer(c_int64_t) :: struct_size, step, n_steps, n_rows
    real(c_double) :: loss, mean_loss, learning_rate, grad_norm, seconds
  end type

  interface
    function fm_ctx_create(options, ctx) bind(c) result(status)
      import :: c_ptr, c_int32_t
      type(c_ptr), value :: options
      type(c_ptr), intent(out) :: ctx
      integer(c_int32_t) :: status
    end function

    subroutine fm_ctx_destroy(ctx) bind(c)
      import :: c_ptr
      type(c_ptr), value :: ctx
    end subroutine

    function fm_ctx_message(ctx) bind(c) result(text)
      import :: c_ptr
      type(c_ptr), value :: ctx
      type(c_ptr) :: text
    end function

    function fm_status_name(status) bind(c) result(text)
      import :: c_ptr, c_int32_t
      integer(c_int32_t), value :: status
      type(c_ptr) :: text
    end function

    ! x0, labels, cond, weights, options: c_null_ptr, or c_loc of an array or struct.
    function fm_data_create(ctx, x1, x0, labels, cond, weights, n, dim, n_class_columns, cond_dim, options, &
                            data) bind(c) result(status)
      import :: c_ptr, c_size_t, c_float, c_int32_t
      type(c_ptr), value :: ctx, x0, labels, cond, weights, options
      integer(c_size_t), value :: n, dim, n_class_columns, cond_dim
      real(c_float), intent(in) :: x1(dim, n)
      type(c_ptr), intent(out) :: data
      integer(c_int32_t) :: status
    end function

    subroutine fm_data_destroy(data) bind(c)
      import :: c_ptr
      type(c_ptr), value :: data
    end subroutine

    function fm_optimizer_create(ctx, options, optimizer) bind(c) result(status)
      import :: c_ptr, c_int32_t, fm_optimizer_options
      type(c_ptr), value :: ctx
      type(fm_optimizer_options), intent(in) :: options
      type(c_ptr), intent(out) :: optimizer
      integer(c_int32_t) :: status
    end function

    subroutine fm_optimizer_destroy(optimizer) bind(c)
      import :: c_ptr
      type(c_ptr), value :: optimizer
    end subroutine

    function fm_fit(ctx, data, path, prior, optimizer, net_options, options, model) bind(c) result(status)
      import :: c_ptr, c_int32_t, fm_net_options, fm_trainer_options
      type(c_ptr), value :: ctx, data, path, prior, optimizer
      type(fm_net_options), intent(in) :: net_options
      type(fm_trainer_options), intent(in) :: options
      type(c_ptr), intent(out) :: model
      integer(c_int32_t) :: status
    end function

    function fm_model_save(ctx, model, file) bind(c) result(status)
      import :: c_ptr, c_char, c_int32_t
      type(c_ptr), value :: ctx, model
      character(kind=c_char), intent(in) :: file(*) ! ends with c_null_char
      integer(c_int32_t) :: status
    end function

    function fm_model_load(ctx, file, model) bind(c) result(status)
      import :: c_ptr, c_char, c_int32_t
      type(c_ptr), value :: ctx
      character(kind=c_char), intent(in) :: file(*)
      type(c_ptr), intent(out) :: model
      integer(c_int32_t) :: status
    end function

    function fm_model_train_steps(model) bind(c) result(steps)
      import :: c_ptr, c_int64_t
      type(c_ptr), value :: model
      integer(c_int64_t) :: steps
    end function

    subroutine fm_model_destroy(model) bind(c)
      import :: c_ptr
      type(c_ptr), value :: model
    end subroutine

    function fm_sample(ctx, model, seed, first_row, labels, cond, n, out) bind(c) result(status)
      import :: c_ptr, c_size_t, c_int64_t, c_float, c_int32_t
      type(c_ptr), value :: ctx, model, labels, cond
      integer(c_int64_t), value :: seed, first_row
      integer(c_size_t), value :: n
      real(c_float), intent(out) :: out(*) ! (dim, n)
      integer(c_int32_t) :: status
    end function
  end interface

contains

  ! The text of the last call that failed on ctx, with the status before it.
  function fm_text(status, ctx) result(text)
    integer(c_int32_t), intent(in) :: status
    type(c_ptr), intent(in) :: ctx
    character(:), allocatable :: text
    text = from_c(fm_status_name(status)) // ': ' // from_c(fm_ctx_message(ctx))
  end function

  function from_c(address) result(text)
    type(c_ptr), intent(in) :: address
    character(:), allocatable :: text
    character(kind=c_char), pointer :: letters(:)
    integer :: length
    call c_f_pointer(address, letters, [4096])
    length = 0
    do while (letters(length + 1) /= c_null_char)
      length = length + 1
    end do
    allocate(character(length) :: text)
    text = transfer(letters(:length), text)
  end function

end module
